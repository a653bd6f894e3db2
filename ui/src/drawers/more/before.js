// What a picture was made from: the picture that it started from, or, of one that was enlarged, the small one.

import { entryOf, gallery, sourceOf } from "../../js/collection.js";

/** It as an entry of the gallery, or as `{ meta, blob }` where it is none; null where nothing is known of it. */
export async function beforeOf({ id, meta, seed, width }) {
  if (meta.upscaled) {
    const small = gallery().find((row) => row.id !== id && row.seed === seed && row.prompt === meta.prompt && row.model === meta.model && row.width < width);
    return small ? ((await entryOf(small)) ?? null) : null;
  }
  const [varied] = Array.isArray(meta.references) ? meta.references : [];
  const blob = await sourceOf(meta.img ?? (varied?.noise === undefined ? undefined : varied.img));
  return blob ? { meta: null, blob } : null;
}
