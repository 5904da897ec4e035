// Package dataset reads the labelled texts that discriminators are trained on:
// TSV, the Stanford Sentiment Treebank, and the clickbait and toxicity sets, in
// the formats of the PPLM reference program and of Kaggle.
//
// What is read belongs to the caller. A reader takes a whole file and returns an
// error that names it and the line or row for whatever it does not understand;
// nothing is skipped but empty lines, and nothing in a file is executed: where
// the reference evaluates lines of Python, only literals are read.
package dataset
