// What the server says can be asked: the bounds, choices and defaults of every field, from /openapi.json.

/** name → { type, min, max, choices, default, description, parts }; other programs' spellings are left out. */
export function fieldsFrom(document) {
  const parts = document.components.schemas;
  const fields = {};
  for (const [name, said] of Object.entries(parts.GenerateRequest.properties)) {
    if (said["x-alias-of"] === undefined) Object.assign(fields, flat(name, said, parts));
  }
  return fields;
}

function flat(name, said, parts) {
  const ways = (said.anyOf ?? [said]).filter((way) => way.type !== "null");
  const whole = ways.find((way) => way.$ref) ?? ways.find((way) => way.items?.$ref)?.items;
  const found = { [name]: fieldFrom(said, ways.filter((way) => !way.$ref)) };
  if (whole) {
    const inner = parts[whole.$ref.split("/").at(-1)].properties;
    for (const [part, more] of Object.entries(inner)) Object.assign(found, flat(`${name}.${part}`, more, parts));
  }
  return found;
}

function fieldFrom(said, ways) {
  const find = (...types) => ways.find((way) => types.includes(way.type));
  const choice = ways.find((way) => way.enum);
  const numeric = find("integer", "number");
  const text = find("string");
  const common = { default: said.default ?? null, description: said.description ?? "", examples: said.examples ?? [] };
  if (find("boolean") && choice?.enum.length === 1) return { ...common, type: "boolean" }; // on, by the one way that there is
  if (choice) return { ...common, type: "choice", choices: choice.enum };
  if (find("boolean") && !numeric) return { ...common, type: "boolean" };
  if (text) return { ...common, type: "text", examples: said.examples ?? [], numeric: Boolean(numeric) };
  if (numeric) return { ...common, type: numeric.type, min: numeric.minimum, max: numeric.maximum };
  return { ...common, type: "object" };
}
