// A conversation through connect-node: see ../test_other_clients.py.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const need = createRequire(process.env.NODE_MODULES + "/");
const { createClient, ConnectError } = need("@connectrpc/connect");
const { createGrpcTransport } = need("@connectrpc/connect-node");
const protobuf = need("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = need("@bufbuild/protobuf/wkt");

const [address, folder] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(folder, name));
const registry = protobuf.createFileRegistry(
  protobuf.fromBinary(FileDescriptorSetSchema, read("descriptors")),
);
// In MB: Node.js closes a call (ENHANCE_YOUR_CALM) that has more than 10 on its way out.
const nodeOptions = { maxSessionMemory: 64 };
const baseUrl = `http://${address}`;
const transport = createGrpcTransport({ baseUrl, httpVersion: "2", nodeOptions });
const imagingService = registry.getService("wattscan.v1.ImagingService");
const inferenceService = registry.getService("inference.GRPCInferenceService");
const imaging = createClient(imagingService, transport);
const inference = createClient(inferenceService, transport);
const { segment } = imagingService.method;
const { modelInfer, modelStreamInfer } = inferenceService.method;
const request = (method, name) => protobuf.fromBinary(method.input, read(name));
const keep = (method, name, answer) =>
  fs.writeFileSync(path.join(folder, name + ".answer"), protobuf.toBinary(method.output, answer));

const plan = JSON.parse(read("plan.json"));
for (const name of plan.unary)
  keep(segment, name, await imaging.segment(request(segment, name), { timeoutMs: 30000 }));

let answered;
async function* messages() {
  for (const name of plan.stream) {
    const next = new Promise((resolve) => (answered = resolve));
    yield request(modelStreamInfer, name);
    await next; // the half-close comes late
  }
}
let number = 0;
for await (const answer of inference.modelStreamInfer(messages())) {
  keep(modelStreamInfer, plan.stream[number++], answer);
  answered();
}
const code = (error) => ConnectError.from(error).code;
const late = await imaging
  .segment(request(segment, plan.late), { timeoutMs: 5 })
  .then(() => 0, code);
for (let n = 0; n < 20; n++) {
  const stop = new AbortController();
  const call = imaging.segment(request(segment, plan.cancelled), { signal: stop.signal });
  setTimeout(() => stop.abort(), n);
  await call.catch(code);
}
await imaging.segment(request(segment, plan.unary[0]), { timeoutMs: 30000 });
const refused = await inference.modelInfer(request(modelInfer, plan.refused)).then(
  () => [0, ""],
  (error) => [code(error), ConnectError.from(error).rawMessage],
);
console.log(JSON.stringify({ late, refused }));
process.exit(0); // its session to the server stays open else
