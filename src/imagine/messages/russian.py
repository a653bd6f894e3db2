"""Every sentence that users are told, in Russian, by its code."""

SENTENCES = {
    "model.missing": "модель «{name}» не найдена",
    "model.missing_alias": "модель «{name}» не найдена: это псевдоним модели «{meant}», а её нет",
    "needs_img": "для {field} нужна картинка, к которой это относится: img",
    "no_effect.without": "{field} не действует без {other}",
    "body.too_large": "запрос слишком велик: принимается не больше {most} байт",
    "body.too_slow": "запрос не успел прийти целиком",
    "body.broken": "запрос оборвался или закодирован не так, как сказано в его заголовках",
    "http.path": "по этому адресу ничего нет",
    "http.method": "этот адрес не принимает такой метод",
    "http.compressed": "запрос сжат; пришлите его как есть",
    "http.expect": "заголовок Expect просит того, чего этот сервер не умеет",
    "http.internal": "внутренняя ошибка, записана в журнал под номером запроса {request}",
    "recipe.none": "{field}: в этом файле не сказано, как сделана картинка",
}
