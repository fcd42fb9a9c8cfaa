// A conversation through @grpc/grpc-js: see ../test_other_clients.py.
const fs = require("fs");
const path = require("path");
const grpc = require(path.join(process.env.NODE_MODULES, "@grpc/grpc-js"));

const [address, folder] = process.argv.slice(2);
const same = (bytes) => bytes;
const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
});
const SEGMENT = "/wattscan.v1.ImagingService/Segment";
const INFER = "/inference.GRPCInferenceService/ModelInfer";
const STREAM = "/inference.GRPCInferenceService/ModelStreamInfer";
const request = (name) => fs.readFileSync(path.join(folder, name));

function unary(method, bytes, seconds, onCall = () => {}) {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 1000 * seconds };
    const call = client.makeUnaryRequest(method, same, same, bytes, options, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
    onCall(call);
  });
}

async function stream(names) {
  const call = client.makeBidiStreamRequest(STREAM, same, same, {});
  const answers = [];
  await new Promise((resolve, reject) => {
    call.on("error", reject);
    call.on("end", resolve);
    call.on("data", (answer) => {
      answers.push(answer);
      // The next one only when this one is answered: the half-close comes late.
      if (answers.length < names.length) call.write(request(names[answers.length]));
      else call.end();
    });
    call.write(request(names[0]));
  });
  return answers;
}

async function main() {
  const plan = JSON.parse(request("plan.json"));
  for (const name of plan.unary)
    fs.writeFileSync(path.join(folder, name + ".answer"), await unary(SEGMENT, request(name), 30));
  (await stream(plan.stream)).forEach((answer, number) =>
    fs.writeFileSync(path.join(folder, plan.stream[number] + ".answer"), answer),
  );
  const code = (error) => error.code;
  const late = await unary(SEGMENT, request(plan.late), 0.005).then(() => 0, code);
  for (let n = 0; n < 20; n++)
    await unary(SEGMENT, request(plan.cancelled), 30, (call) => call.cancel()).catch(code);
  await unary(SEGMENT, request(plan.unary[0]), 30);
  const refused = await unary(INFER, request(plan.refused), 30).then(
    () => [0, ""],
    (error) => [error.code, error.details],
  );
  console.log(JSON.stringify({ late, refused }));
  client.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
