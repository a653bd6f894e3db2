// How far a run is: from the lines that the server sends to a bar, a few words, a clock and the tab's title.

import { byId, tell } from "./dom.js";
import { clock, duration, hasText, number, t } from "./i18n.js";

const NAME = document.title;
const PATIENCE = 2; // seconds without a clock

export class Progress {
  /** `first` is what is said before the server has said anything. */
  constructor(count, first = "run.asking") {
    this.count = count;
    this.done = new Array(count).fill(0); // steps
    this.steps = 0;
    this.pictures = 0;
    this.quarter = 0;
    this.remaining = null;
    this.began = null; // when the first step was done, and how many there were then
    this.stage = "";
    this.start = performance.now();
    this.timer = setInterval(() => this.tick(), 1000);
    this.tick();
    say(t(first));
  }

  /** Takes a line of /generate. */
  take(line) {
    if (line.status === "queued" && this.total() === 0) {
      say(line.position ? t("run.queued", { n: line.position }) : t("run.next"));
      if (!this.waited) tell(t("live.queued"));
      this.waited = true;
    } else if (line.status === "loading" && this.total() === 0) say(t("run.loading", { model: line.model }));
    else if (line.status === "progress" || line.status === "intermediate") this.step(line);
  }

  /** A picture is there. */
  finished(line) {
    this.done[line.index ?? 0] = line.steps ?? this.steps;
    this.pictures += 1;
    this.describe();
  }

  end(whole) {
    clearInterval(this.timer);
    document.title = whole && document.hidden ? `✓ ${NAME}` : NAME;
    if (document.hidden) document.addEventListener("visibilitychange", () => { document.title = NAME; }, { once: true });
  }

  step(line) {
    const index = line.index ?? 0;
    this.done[index] = Math.max(this.done[index], line.step);
    this.steps = line.steps;
    this.stage = line.stage ?? this.stage;
    if (this.count === 1 && line.remaining !== undefined) this.remaining = line.remaining; // lines with a picture don't say
    if (this.total() > 0) this.began ??= { now: performance.now(), total: this.total() };
    this.describe();
  }

  total() {
    return this.done.reduce((sum, steps) => sum + steps, 0);
  }

  describe() {
    const all = this.steps * this.count;
    const total = this.total();
    if (!all) return;
    const now = performance.now();
    const rate = this.began && now > this.began.now ? ((total - this.began.total) / (now - this.began.now)) * 1000 : 0;
    const left = this.remaining ?? (rate > 0 ? (all - total) / rate : null);
    const speed = rate >= 1 ? t("run.speed", { n: rate }) : rate > 0 ? t("run.pace", { n: number(1 / rate) }) : "";
    const time = left !== null && total < all ? t("run.left", { time: duration(Math.max(0, left)) }) : "";
    say(this.words(total, all), [speed, time].filter(Boolean).join(" · "), total / all);
    document.title = `${t("run.percent", { n: Math.floor((total / all) * 100) })} · ${NAME}`;
    const quarter = Math.floor((total / all) * 4);
    if (quarter > this.quarter && quarter < 4) tell(t("live.percent", { n: (this.quarter = quarter) * 25 }));
  }

  words(total, all) {
    if (this.count > 1) return t("run.pictures", { done: this.pictures, count: this.count });
    if (total >= all && hasText(`run.stage.${this.stage}`)) return t(`run.stage.${this.stage}`);
    if (total === 0) return t(hasText(`run.stage.${this.stage}`) ? `run.stage.${this.stage}` : "run.first");
    return t("run.step", { step: total, steps: this.steps });
  }

  tick() {
    const seconds = (performance.now() - this.start) / 1000;
    byId("run-clock").textContent = seconds < PATIENCE ? "" : clock(seconds);
  }
}

function say(text, more = "", part = null) {
  byId("run-text").textContent = text;
  byId("run-more").textContent = more;
  if (part === null) byId("progress").removeAttribute("value");
  else byId("progress").value = part;
}
