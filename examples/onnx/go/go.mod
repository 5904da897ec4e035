module github.com/tiller-ml/tiller/examples/onnx/go

go 1.26.0

require (
	github.com/tiller-ml/tiller v0.0.0
	github.com/yalue/onnxruntime_go v1.27.0
)

require golang.org/x/sys v0.49.0 // indirect

replace github.com/tiller-ml/tiller => ../../..
