// A soft sound of two notes, made here: rising where all went well, falling where it didn't.

const WELL = [659.26, 880]; // hertz: e″ and a″
const BADLY = [440, 329.63]; // a′ and e′
const LOUD = 0.1;
const APART = 0.16; // seconds
const LASTS = 0.9;
let audio = null;

/** While a run begins, which is a person's doing: later a browser may not let the page make a sound. */
export function prepareSound() {
  audio ??= new AudioContext();
}

export async function chime(well) {
  prepareSound();
  await audio.resume();
  const notes = (well ? WELL : BADLY).map((frequency, place) => note(frequency, audio.currentTime + 0.02 + place * APART));
  notes.at(-1).onended = () => audio.suspend(); // else it keeps a phone's battery busy
}

function note(frequency, start) {
  const tone = new OscillatorNode(audio, { frequency });
  const level = new GainNode(audio, { gain: 0 });
  level.gain.setValueAtTime(0, start);
  level.gain.linearRampToValueAtTime(LOUD, start + 0.02);
  level.gain.exponentialRampToValueAtTime(0.0001, start + LASTS);
  tone.connect(level).connect(audio.destination);
  tone.start(start);
  tone.stop(start + LASTS);
  return tone;
}
