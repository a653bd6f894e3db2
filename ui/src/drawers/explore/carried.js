// What a grid is, as a recipe: the settings that all cells share and its axes. It goes as JSON by itself, or in the sheet's
// PNG, in a text behind the first part (https://www.w3.org/TR/png-3/#11iTXt), and makes the grid again.

import { entryOf, fileOf, rowOf } from "../../js/collection.js";
import { drawer } from "../../js/drawers.js";
import { download, timeName } from "../../js/pictures.js";
import { cellAt, theGrid } from "./feed.js";
import { cellName, countOf } from "./kinds.js";
import { sheetOf } from "./sheet.js";

const KEY = "imagine-grid";
const HEADER = 33; // bytes of a PNG's signature and IHDR
const OF_PICTURES = ["img", "mask", "control", "references"];
const LONGEST = 60; // letters of a part's name

/** The recipe: `{ meta, grid }`, pictures by their digests, which a finished cell tells. */
async function recipeOf({ said, axes, made }) {
  const id = Object.values(made).find((one) => rowOf({ id: one }));
  const entry = id === undefined ? null : await entryOf({ id });
  const beside = Object.fromEntries(Object.entries(entry?.meta ?? {}).filter(([name, value]) => OF_PICTURES.includes(name) && value));
  return { meta: { ...said, ...beside }, grid: { axes } };
}

/** A PNG with a text in it. */
async function withText(png, text, checksumOf) {
  const encode = (words) => new TextEncoder().encode(words);
  const body = new Blob([encode("iTXt"), encode(`${KEY}\0\0\0\0\0`), encode(text)]);
  const four = (value) => Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  const chunk = [four(body.size - 4), body, four(await checksumOf(body))];
  return new Blob([png.slice(0, HEADER), ...chunk, png.slice(HEADER)], { type: "image/png" });
}

async function sheetFile(packing) {
  const grid = theGrid();
  return withText(await sheetOf(grid), JSON.stringify(await recipeOf(grid)), packing.checksum);
}

/** Gives the whole as one PNG. */
export async function downloadSheet() {
  const packing = await drawer("gallery");
  if (packing) download(await sheetFile(packing), `${timeName(Date.now())}-grid.png`);
}

/** Gives the recipe alone, with the pictures that it starts from. */
export async function downloadRecipe() {
  const recipes = await drawer("recipe");
  if (recipes) download(await recipeFile(recipes), `${timeName(Date.now())}-grid.json`);
}

async function recipeFile(recipes) {
  const { meta, grid } = await recipeOf(theGrid());
  return recipes.jsonBlob({ meta: await recipes.wholeRecipe({ meta }), grid });
}

/** Gives the parts, each with its recipe, the sheet and the grid's recipe as one zip. `act(n)` is told how many are in it. */
export async function downloadParts(act) {
  const [packing, recipes] = [await drawer("gallery"), await drawer("recipe")];
  if (packing && recipes) download(await packing.zipped(parts(packing, recipes, act)), `${timeName(Date.now())}-grid.zip`);
}

async function* parts(packing, recipes, act) {
  const { axes } = theGrid();
  const time = Date.now();
  yield { name: "grid.png", time, blob: await sheetFile(packing) };
  yield { name: "grid.json", time, blob: await recipeFile(recipes) };
  const digits = String(countOf(axes)).length;
  let n = 0;
  for (let at = 0; at < countOf(axes); at += 1) {
    const { id } = cellAt(at);
    const [entry, file] = id === undefined ? [] : await Promise.all([entryOf({ id }), fileOf({ id })]);
    if (!entry || !file) continue;
    const words = cellName(axes, at).replace(/[^\p{L}\p{N}.]+/gu, "-").slice(0, LONGEST).replace(/^[-.]+|[-.]+$/g, "");
    const name = `${String(at + 1).padStart(digits, "0")}-${words}`;
    yield { name: `${name}.png`, time: entry.time, blob: file };
    yield { name: `${name}.json`, time: entry.time, blob: recipes.jsonBlob({ meta: await recipes.wholeRecipe(entry) }) };
    act((n += 1));
  }
}
