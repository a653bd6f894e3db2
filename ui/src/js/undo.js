// What a click can overwrite, it can bring back: the form, the picture to start from and its mask, and those beside it.

import { besideState, restoreBeside } from "./beside.js";
import { formState, restoreForm } from "./form.js";
import { t } from "./i18n.js";
import { restoreSource, sourceState } from "./source.js";

/** An action for a notice that puts everything back as it is now. */
export function undoToNow() {
  const [form, source, beside] = [formState(), sourceState(), besideState()];
  const act = async () => {
    await restoreSource(source);
    await restoreBeside(beside);
    restoreForm(form);
  };
  return { text: t("undo"), act, undo: true };
}
