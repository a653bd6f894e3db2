// What NSFWJS's network says of pictures, by TensorFlow.js itself: the numbers that ours are held against.
//   npm install @tensorflow/tfjs@4.22.0; tar xf nsfwjs-4.3.0.tgz
//   node reference.mjs package/dist/models/mobilenet_v2_mid < pixels
// Pixels are pictures of 224 × 224, three bytes a pixel, one behind the other; an answer is a line of five numbers each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve("package.json"));
const tf = require("@tensorflow/tfjs");
const folder = resolve(process.argv[2]);
const model = require(`${folder}/model.min.js`);
const paths = model.weightsManifest.flatMap((group) => group.paths);
const weights = Buffer.concat(paths.map((path) => Buffer.from(require(`${folder}/${path}.min.js`), "base64")));

await tf.setBackend("cpu");
const network = await tf.loadGraphModel({
  load: async () => ({
    ...model,
    weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
    weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength),
  }),
});
const pixels = readFileSync(0), size = 224 * 224 * 3;
for (let at = 0; at < pixels.length; at += size) {
  const picture = tf.tensor(Float32Array.from(pixels.subarray(at, at + size)), [1, 224, 224, 3]);
  console.log(JSON.stringify(Array.from(network.predict(picture.div(255)).dataSync())));
}
