// The builder's words: five parts of a picture, each chip in English and in Russian; and what isn't to be seen, by name.

export const PARTS = {
  subject: [
    ["portrait of a woman", "портрет женщины"], ["portrait of a man", "портрет мужчины"], ["a child at play", "играющий ребёнок"], ["a cat", "кошка"], ["a dog", "собака"], ["a fox", "лиса"],
    ["a bird", "птица"], ["a house by the lake", "дом у озера"], ["a city street", "городская улица"], ["mountains", "горы"], ["a forest", "лес"], ["the sea", "море"],
    ["a still life with fruit", "натюрморт с фруктами"], ["a bouquet of flowers", "букет цветов"], ["a car", "автомобиль"], ["a robot", "робот"], ["a castle", "замок"], ["a cosy room", "уютная комната"],
  ],
  style: [
    ["photograph", "фотография"], ["film photo, 35mm", "плёночная фотография, 35 мм"], ["watercolor", "акварель"], ["oil painting", "масляная живопись"], ["pencil drawing", "карандашный рисунок"], ["ink drawing", "рисунок тушью"],
    ["flat vector illustration", "плоская векторная иллюстрация"], ["children's book illustration", "иллюстрация детской книги"], ["cartoon", "мультфильм"], ["anime", "аниме"], ["3d render", "3D-рендер"], ["isometric", "изометрия"],
    ["pixel art", "пиксельная графика"], ["paper cutout", "аппликация из бумаги"], ["linocut", "линогравюра"], ["art nouveau poster", "плакат в стиле модерн"],
  ],
  light: [
    ["soft daylight", "мягкий дневной свет"], ["golden hour", "золотой час"], ["blue hour", "синий час"], ["overcast sky", "пасмурное небо"], ["backlight", "контровой свет"], ["rim light", "контурный свет"],
    ["studio light", "студийный свет"], ["candlelight", "свет свечей"], ["neon light", "неоновый свет"], ["moonlight", "лунный свет"], ["sunbeams through mist", "лучи солнца в тумане"], ["dramatic shadows", "резкие тени"],
  ],
  colours: [
    ["warm colors", "тёплые цвета"], ["cool colors", "холодные цвета"], ["pastel colors", "пастельные цвета"], ["vivid colors", "яркие цвета"], ["muted colors", "приглушённые цвета"], ["earth tones", "землистые тона"],
    ["black and white", "чёрно-белое"], ["sepia", "сепия"], ["teal and orange", "бирюзовый и оранжевый"], ["red accent", "красный акцент"], ["gold and dark blue", "золотой и тёмно-синий"],
  ],
  composition: [
    ["close-up", "крупный план"], ["half-length", "по пояс"], ["full body", "в полный рост"], ["wide shot", "общий план"], ["from above", "вид сверху"], ["low angle", "вид снизу"],
    ["from behind", "вид сзади"], ["in profile", "в профиль"], ["centered", "по центру"], ["rule of thirds", "правило третей"], ["shallow depth of field", "малая глубина резкости"], ["plain background", "однотонный фон"],
    ["symmetrical", "симметрично"], ["plenty of empty space", "много пустого места"],
  ],
};

/** What isn't to be seen: the name of each is a text, its words are in English and in Russian. */
export const AGAINST = {
  faults: ["blurry, distorted, ugly, deformed, extra limbs", "размыто, искажено, уродливо, деформировано, лишние конечности"],
  bodies: ["bad anatomy, bad hands, extra fingers, fused fingers", "неправильная анатомия, плохие руки, лишние пальцы, сросшиеся пальцы"],
  lettering: ["text, watermark, signature, logo", "текст, водяной знак, подпись, логотип"],
  framing: ["cropped, out of frame, cut off", "обрезано, вне кадра"],
  quality: ["low quality, jpeg artifacts, noise, grain", "низкое качество, артефакты jpeg, шум, зерно плёнки"],
  drawn: ["painting, drawing, illustration, cartoon", "живопись, рисунок, иллюстрация, мультфильм"],
  photo: ["photo, photorealistic", "фотография, фотореализм"],
};
