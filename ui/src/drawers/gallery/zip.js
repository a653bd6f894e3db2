// A zip whose files are stored as they are, for pictures are packed already: APPNOTE.TXT 6.3.10 of PKWARE, without its 64-bit
// part. The files are read piece by piece for their checksums, and the zip refers to them: it is never in memory as a whole.

const MOST = 2 ** 32 - 1; // bytes of a zip without that part
const MANY = 65_535; // files in it
const UTF8 = 0x0800;
const VERSION = 20;

export class ZipError extends Error {}

/** A zip of `{ name, time, blob }`, names being unique; throws ZipError where that is too much for one. */
export async function zipOf(files) {
  const [parts, entries] = [[], []];
  let offset = 0;
  for await (const { name, time, blob } of files) {
    const about = { name: new TextEncoder().encode(name), time, size: blob.size, checksum: await checksumOf(blob), offset };
    const head = local(about);
    parts.push(head, blob);
    entries.push(about);
    offset += head.length + blob.size;
    if (offset > MOST || entries.length > MANY) throw new ZipError();
  }
  const directory = entries.map(central);
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  if (offset + size > MOST) throw new ZipError();
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, size], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function local({ name, time, size, checksum }) {
  return joined(numbers([4, 0x04034b50], [2, VERSION], [2, UTF8], [2, 0], [4, clockOf(time)], [4, checksum], [4, size], [4, size], [2, name.length], [2, 0]), name);
}

function central({ name, time, size, checksum, offset }) {
  return joined(numbers([4, 0x02014b50], [2, VERSION], [2, VERSION], [2, UTF8], [2, 0], [4, clockOf(time)], [4, checksum], [4, size], [4, size], [2, name.length], [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), name);
}

/** Time and date of MS-DOS, by this clock; they know no year before 1980. */
function clockOf(time) {
  const at = new Date(time);
  const date = (Math.max(0, at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  return ((date << 16) | (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1)) >>> 0;
}

/** Numbers of so many bytes each, the least first. */
function numbers(...all) {
  return Uint8Array.from(all.flatMap(([bytes, value]) => Array.from({ length: bytes }, (_, at) => (value / 256 ** at) & 255)));
}

function joined(...all) {
  const whole = new Uint8Array(all.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of all) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of a file, read piece by piece. */
export async function checksumOf(blob) {
  let value = 0xffffffff;
  const reader = blob.stream().getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    for (const byte of piece.value) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
}
