// Talks to a server through OpenAI's own client: lists the models, streams a
// completion and a chat, asks for one whole, meets an error, and leaves one early.
// Prints a line of JSON of what came. Arguments: the server's address, its token.
import OpenAI from "openai";

const [address, token] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: token, maxRetries: 0 });

const out = { models: [], completion: "", chat: "", events: 0 };
for await (const model of client.models.list()) out.models.push(model.id);

const steer = { attributes: [{ bag: "space", weight: 1.5 }], stepsize: 0.1 };
const text = { model: "any", prompt: "The captain", max_tokens: 12, seed: 1, steer };

const completion = await client.completions.create({ ...text, stream: true, stream_options: { include_usage: true } });
for await (const event of completion) {
  out.events++;
  out.completion += event.choices[0]?.text ?? "";
  out.usage = event.usage ?? out.usage;
}
out.whole = (await client.completions.create(text)).choices[0].text;

const messages = [{ role: "user", content: "The captain" }];
const chat = client.chat.completions.stream({ model: "any", messages, max_tokens: 12, seed: 1, steer });
chat.on("content", (more) => { out.chat += more; });
out.message = (await chat.finalChatCompletion()).choices[0].message;

try {
  await client.completions.create({ ...text, max_tokens: -1 });
} catch (err) {
  out.error = { name: err.constructor.name, status: err.status, param: err.param, message: err.message };
}

const left = await client.completions.create({ ...text, max_tokens: 1000, stream: true });
for await (const event of left) {
  out.left = event.choices[0].text;
  break; // which aborts the request
}
console.log(JSON.stringify(out));
