// What helps to write a prompt: earlier ones, weights by keys, names as one types, and how long it is to the model.

import { byId } from "../../js/dom.js";
import { startCompleting } from "./completing.js";
import { rememberPrompt, showPast, startPast } from "./past.js";
import { startTokens } from "./tokens.js";
import { startWeights } from "./weights.js";

export const keepPrompt = rememberPrompt;
export const openPast = showPast;

startCompleting(byId("f-prompt"), byId("f-neg"));
startWeights(byId("f-prompt"), byId("f-neg"));
startPast();
startTokens();
