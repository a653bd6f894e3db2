// Whether this device is to be spared: its battery is low, or it is to send little.

const LOW = 0.2;
let battery = null; // where a browser tells of it

/** The key of the sentence that says why; "" where nothing is to be spared. */
export function spares() {
  if (battery && !battery.charging && battery.level <= LOW) return "redraw.battery";
  return navigator.connection?.saveData ? "redraw.saving" : "";
}

/** `act` whenever that may have changed. */
export async function whenSpared(act) {
  navigator.connection?.addEventListener?.("change", act);
  battery = (await navigator.getBattery?.().catch(() => null)) ?? null; // a policy may forbid it
  if (!battery) return;
  for (const kind of ["levelchange", "chargingchange"]) battery.addEventListener(kind, act);
  act();
}
