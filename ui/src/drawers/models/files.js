// What the server says of its models: what it lists, and what it knows of where each is from.

import { ask, blobAt } from "../../js/api.js";

const path = (name) => name.split("/").map(encodeURIComponent).join("/");

/** Everything at once: `{ about, files }`, of which each file is what `/models` and `/library` say of it. */
export async function learnFiles() {
  const [models, about] = await Promise.all([ask("/models"), ask("/library")]);
  const more = new Map(about.files.map((file) => [`${file.kind} ${file.name}`, file]));
  const all = [...models.details, ...models.others].filter((file) => !file.kind.startsWith("safety"));
  return { about, files: all.map((file) => ({ ...file, loads: models.models.includes(file.name), ...more.get(`${file.kind} ${file.name}`), licence: more.get(`${file.kind} ${file.name}`)?.licence || file.licence })) };
}

export const previewOf = (file) => blobAt(`/library/${path(file.name)}/preview?kind=${encodeURIComponent(file.kind)}`);
export const removalOf = (file) => ask(`/library/${path(file.name)}/removal`);
