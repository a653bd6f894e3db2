// OpenAI's official Node client, as a program uses it. Says as JSON what it saw; test_openai_node_sdk.py judges.
import fs from 'node:fs';
import OpenAI, { AzureOpenAI, toFile } from 'openai';

const [baseURL, apiKey, folder] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const picture = (name) => toFile(fs.createReadStream(`${folder}/${name}.png`), `${name}.png`, { type: 'image/png' });
const seen = {};

async function refusal(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    const { status, code, param, type } = error;
    return { name: error.constructor.name, status: status ?? null, code, param, type, id: Boolean(error.requestID) };
  }
}

async function events(promise) {
  const found = [];
  for await (const event of await promise) found.push(event);
  return found;
}

const byUrl = await client.images.generate({ model: 'dall-e-3', prompt: 'a fox', size: '1024x1024', quality: 'hd', n: 1 });
const fetched = await fetch(byUrl.data[0].url);
seen.url = { url: byUrl.data[0].url, type: fetched.headers.get('content-type'), size: byUrl.size };
seen.bytes = Buffer.from(await fetched.arrayBuffer()).toString('base64');
seen.inline = await client.images.generate({ model: 'gpt-image-1', prompt: 'a fox', size: '64x64', seed: 7 });
seen.edit = await client.images.edit({
  model: 'gpt-image-1', image: await picture('image'), mask: await picture('mask'), prompt: 'a fox',
});
seen.several = await client.images.edit({
  model: 'gpt-image-1', image: [await picture('image'), await picture('mask')], prompt: 'a fox', n: 2,
});
seen.variation = await client.images.createVariation({ image: await picture('image'), response_format: 'b64_json' });
seen.stream = await events(
  client.images.generate({ model: 'gpt-image-1', prompt: 'a fox', size: '64x64', stream: true, partial_images: 2 }),
);
seen.editStream = await events(
  client.images.edit({ model: 'gpt-image-1', image: await picture('image'), prompt: 'a fox', stream: true, partial_images: 1 }),
);
const azure = new AzureOpenAI({ endpoint: baseURL.replace(/\/v1$/, ''), apiKey, apiVersion: '2025-04-01-preview', maxRetries: 0 });
seen.azure = await azure.images.generate({ model: 'fox', prompt: 'a fox', size: '64x64' });
seen.azureEdit = await azure.images.edit({ model: 'fox', image: await picture('image'), prompt: 'a fox' });
seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);
seen.model = await client.models.retrieve('yandexgpt/yandex-art');
seen.refusals = {
  size: await refusal(client.images.generate({ prompt: 'a fox', size: 'huge' })),
  model: await refusal(client.images.generate({ model: 'no/such', prompt: 'a fox' })),
  key: await refusal(new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 }).images.generate({ prompt: 'a fox' })),
  picture: await refusal(client.images.edit({ image: await toFile(Buffer.from('x'), 'x.png'), prompt: 'a fox' })),
  stream: await refusal(
    events(client.images.generate({ prompt: 'fail OutOfMemory', size: '64x64', stream: true, partial_images: 1 })),
  ),
};
process.stdout.write(JSON.stringify(seen));
