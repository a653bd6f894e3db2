export const build = "d335abcceb8f8c90";
export const texts = {"canvas.title":["Canvas","Холст"],"canvas.modes":["What to do","Что делать"],"canvas.mask":["Mask","Маска"],"canvas.sketch":["Colours","Цвета"],"canvas.frame":["Frame","Рамка"],"canvas.hint.mask":["Paint over what should be made anew; the rest stays as it is.","Закрасьте то, что нужно нарисовать заново; остальное не изменится."],"canvas.hint.sketch":["Paint in colours over the picture: it is started from as you painted it. The original stays underneath.","Рисуйте цветом прямо по картинке: работа начнётся с того, что получилось. Исходная картинка сохранится."],"canvas.hint.frame":["Draw an edge out to have more painted beyond it, or in to cut it off.","Потяните край наружу, чтобы дорисовать за ним, или внутрь, чтобы обрезать."],"canvas.hint.hard":["A soft edge this small is taken as a hard one: paint more of it, or with a larger brush.","Такой маленький мягкий край будет принят за резкий: закрасьте больше или возьмите кисть крупнее."],"canvas.label":["Canvas: arrows move the brush, Space paints","Холст: стрелки двигают кисть, пробел рисует"],"canvas.tools":["Tools","Инструменты"],"canvas.brush":["Brush (B)","Кисть (B)"],"canvas.rectangle":["Rectangle (R)","Прямоугольник (R)"],"canvas.lasso":["Lasso (L)","Лассо (L)"],"canvas.pick":["Take a colour from the picture (I)","Взять цвет с картинки (I)"],"canvas.erase":["Erase (E)","Ластик (E)"],"canvas.size":["Size","Размер"],"canvas.feather":["Soft edge, %","Мягкий край, %"],"canvas.colour":["Colour","Цвет"],"canvas.invert":["Invert","Инвертировать"],"canvas.holes":["Mask what is transparent","Отметить прозрачное"],"canvas.bring":["Add a picture","Добавить картинку"],"canvas.clear":["Clear","Очистить"],"canvas.undo":["Undo (Ctrl+Z)","Отменить (Ctrl+Z)"],"canvas.redo":["Redo (Ctrl+Shift+Z)","Повторить (Ctrl+Shift+Z)"],"canvas.zoom":["Zoom","Масштаб"],"canvas.in":["Larger (+)","Крупнее (+)"],"canvas.out":["Smaller (−)","Мельче (−)"],"canvas.fit":["See all of it (0)","Показать целиком (0)"],"canvas.scale":["{n}%","{n} %"],"canvas.float":["A picture to place: drag it, or move it by the arrow keys; [ and ] change its size, Enter places it","Картинка, которую нужно разместить: перетащите её или двигайте стрелками; [ и ] меняют размер, Enter закрепляет"],"canvas.float.place":["Place it","Закрепить"],"canvas.float.off":["Leave it out","Убрать"],"canvas.float.placed":["Placed","Закреплено"],"canvas.float.gone":["Left out","Убрано"],"canvas.frame.reset":["As the picture is","По краям картинки"],"canvas.prompt":["What should be there?","Что здесь должно быть?"],"canvas.size.out":["{width} × {height}","{width} × {height}"],"canvas.from":["scaled down from {from_width} × {from_height}","уменьшено с {from_width} × {from_height}"],"canvas.keys":["Keys","Клавиши"],"canvas.keys.text":["Arrows move the brush, Space or Enter paints\nB, R, L, E: brush, rectangle, lasso, eraser\n[ and ]: size; with Shift: soft edge\nWheel, + and −: zoom; 0: all of it; 1: pixel by pixel\nSpace and drag, or the middle button: move the picture\nShift and click: a straight line\nCtrl+Z, Ctrl+Shift+Z: undo, redo\nCtrl+V: place a copied picture\nC: before the edit, and after it\nCtrl+Enter: generate; Esc: close, all is kept","Стрелки двигают кисть, пробел или Enter рисует\nB (И), R (К), L (Д), E (У): кисть, прямоугольник, лассо, ластик\n[ и ] (Х и Ъ): размер; с Shift: мягкий край\nКолесо, + и −: масштаб; 0: целиком; 1: пиксель в пиксель\nПробел и мышь или средняя кнопка: двигать картинку\nShift и щелчок: прямая линия\nCtrl+Z, Ctrl+Shift+Z: отменить, повторить\nCtrl+V: вставить скопированную картинку\nC (С): до правки и после неё\nCtrl+Enter: создать; Esc: закрыть, всё сохранится"],"canvas.done":["Done","Готово"],"canvas.kept":["What you did on the canvas is kept with the picture.","Сделанное на холсте сохранено вместе с картинкой."],"canvas.unkept":["The browser has no room for this picture: the canvas can’t be kept.","В браузере нет места для этой картинки: холст не сохранить."],"canvas.undone":["Undone","Отменено"],"canvas.redone":["Redone","Повторено"],"canvas.inverted":["Inverted","Инвертировано"],"canvas.cleared":["Cleared","Очищено"],"canvas.painted":["Painted","Закрашено"],"canvas.erased":["Erased","Стёрто"],"canvas.turns":["Edits","Правки"],"canvas.turn.begin":["Beginning","Начало"],"canvas.turn.from":["made of no. {n}","сделано из № {n}"],"canvas.turn.first":["made of the beginning","сделано из начальной"],"canvas.turn.undone":["The edit is undone; it stays in the list","Правка отменена; в списке она осталась"],"canvas.before":["Before","До"],"canvas.before.title":["What this edit was made of (C)","Что было до этой правки (C)"],"canvas.before.now":["This is before the edit","Показано, как было до правки"],"canvas.after.now":["This is after the edit","Показано, как стало после правки"],"canvas.place.all":["all of it","вся картинка"],"canvas.place.most":["nearly all of it","почти вся картинка"],"canvas.place.beyond":["beyond its edges","за краями"],"canvas.place.top.left":["top left","слева вверху"],"canvas.place.top.middle":["at the top","вверху"],"canvas.place.top.right":["top right","справа вверху"],"canvas.place.middle.left":["at the left","слева"],"canvas.place.middle.middle":["in the middle","посередине"],"canvas.place.middle.right":["at the right","справа"],"canvas.place.bottom.left":["bottom left","слева внизу"],"canvas.place.bottom.middle":["at the bottom","внизу"],"canvas.place.bottom.right":["bottom right","справа внизу"]};
export const style = "#canvas-dialog{width:calc(100vw - 24px);height:calc(100dvh - 24px);max-height:none;grid-template-rows:auto auto minmax(0,1fr) auto auto;grid-template-columns:minmax(0,1fr) auto;gap:var(--s2) 0;padding:var(--s3) var(--s4);overflow:hidden}\n#canvas-dialog .away{display:none}\n#canvas-dialog > *{grid-column:1 / -1}\n#canvas-dialog > .easel{grid-column:1}\n#canvas-dialog > .turns{grid-column:2}\n.canvas-head h2{white-space:nowrap;margin-right:var(--s3)}\n#canvas-dialog .switch button{min-height:30px;padding:0 var(--s3);font-size:var(--small);white-space:nowrap}\n.easel{position:relative;min-height:0;min-width:0;border-radius:12px;background:var(--sunken);overflow:hidden;touch-action:none;user-select:none;-webkit-user-select:none}\n.easel > canvas,.easel > .outline{position:absolute;inset:0;width:100%;height:100%}\n#canvas-paint{cursor:none;touch-action:none;border-radius:12px}\n#canvas-paint:focus-visible{outline-offset:-2px}\n.easel.held #canvas-paint{cursor:grab}\n[data-now=\"frame\"] #canvas-paint{cursor:grab}\n.easel .outline{pointer-events:none}\n.outline path{fill:color-mix(in srgb,var(--accent) 22%,transparent);stroke:#fff;stroke-width:1.5;paint-order:stroke;stroke-dasharray:5 4;filter:drop-shadow(0 0 1px #000)}\n.beyond,.frame-box{position:absolute;pointer-events:none}\n.beyond{background:repeating-linear-gradient(45deg,transparent 0 7px,color-mix(in srgb,var(--accent) 34%,transparent) 7px 9px),color-mix(in srgb,var(--surface) 70%,transparent)}\n.frame-box{box-shadow:0 0 0 1px color-mix(in srgb,var(--edge) 60%,transparent)}\n.frame-box.cut,[data-now=\"frame\"] .frame-box{box-shadow:0 0 0 1.5px #fff,0 0 0 3px #000,0 0 0 9999px rgb(15 14 13 / 45%)}\n.frame-box i{display:none;position:absolute;pointer-events:auto;touch-action:none}\n[data-now=\"frame\"] .frame-box i{display:block}\n.frame-box i::after{content:\"\";position:absolute;inset:0;margin:auto;background:#fff;border:1px solid #000;border-radius:4px}\n[data-edge=\"left\"],[data-edge=\"right\"]{top:0;bottom:0;width:32px;cursor:ew-resize}\n[data-edge=\"top\"],[data-edge=\"bottom\"]{left:0;right:0;height:32px;cursor:ns-resize}\n[data-edge=\"left\"]::after,[data-edge=\"right\"]::after{width:8px;height:36px}\n[data-edge=\"top\"]::after,[data-edge=\"bottom\"]::after{width:36px;height:8px}\n[data-edge=\"left\"],[data-edge^=\"left \"]{left:-16px}\n[data-edge=\"right\"],[data-edge^=\"right \"]{right:-16px}\n[data-edge=\"top\"],[data-edge$=\" top\"]{top:-16px}\n[data-edge=\"bottom\"],[data-edge$=\" bottom\"]{bottom:-16px}\n[data-edge*=\" \"]{width:32px;height:32px;cursor:nwse-resize}\n[data-edge=\"right top\"],[data-edge=\"left bottom\"]{cursor:nesw-resize}\n[data-edge*=\" \"]::after{width:12px;height:12px}\n.float{position:absolute;cursor:move;outline:2px dashed #fff;box-shadow:0 0 0 1px #000;touch-action:none}\n.float canvas{display:block;width:100%;height:100%}\n.float i{position:absolute;right:-14px;bottom:-14px;width:28px;height:28px;cursor:nwse-resize;touch-action:none}\n.float i::after{content:\"\";position:absolute;inset:7px;background:#fff;border:1px solid #000;border-radius:50%}\n.float-acts{position:absolute;left:50%;bottom:var(--s3);translate:-50%;display:flex;gap:var(--s2)}\n.brush{position:absolute;left:0;top:0;box-shadow:inset 0 0 0 1.5px #fff,0 0 0 1px #000;border-radius:50%;pointer-events:none}\n.brush::after{content:\"\";position:absolute;inset:var(--hard,0);border:1px dashed #fff;border-radius:50%;mix-blend-mode:difference}\n.over{position:absolute;pointer-events:none}\n.over.was{background:var(--sunken)}\n.over img{position:absolute}\n.zoom{position:absolute;right:var(--s2);bottom:var(--s2);display:flex;align-items:center;border-radius:var(--round);background:var(--veil)}\n.zoom .text-button{min-width:58px;text-align:center;font-variant-numeric:tabular-nums;color:var(--text)}\n.zoom #canvas-before{min-width:0;margin:0 var(--s2)}\n.zoom .text-button[aria-pressed=\"true\"]{color:var(--accent)}\n.canvas-hint{min-height:28px;display:grid;align-items:center}\n.canvas-run{display:flex;align-items:center;gap:var(--s3)}\n.canvas-run progress{width:clamp(80px,20vw,240px);flex:none}\n.canvas-run .hint{min-width:0;font-variant-numeric:tabular-nums}\n.turns{display:grid;grid-template-rows:auto minmax(0,1fr);width:232px;margin-left:var(--s3);min-height:0}\n.turns h3{margin:0 0 var(--s1) var(--s2);font-size:var(--small);font-weight:500;color:var(--muted)}\n.turns ol{list-style:none;margin:0;padding:2px;overflow-y:auto;overscroll-behavior:contain}\n.turns li{margin:0}\n.turn{display:flex;align-items:center;gap:var(--s2);width:100%;padding:var(--s1) var(--s2) var(--s1) var(--s1);border-radius:var(--round);text-align:left;font-size:var(--small)}\n.turn:hover{background:var(--sunken)}\n.turn[aria-current=\"true\"]{background:var(--accent-soft);box-shadow:inset 0 0 0 1px var(--accent)}\n.turn canvas{flex:none;width:56px;height:56px;border-radius:6px}\n.turn-words{display:grid;min-width:0}\n.turn-said{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;overflow-wrap:anywhere;line-height:1.35}\n.turn .hint{font-size:0.75rem}\n.canvas-tools{display:flex;flex-wrap:wrap;align-items:center;gap:var(--s1) var(--s4);min-height:40px}\n.canvas-tools > .toolbar{flex-wrap:nowrap}\n.tool[aria-pressed=\"true\"]{background:var(--accent-soft);color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}\n.canvas-number,.canvas-colour{display:flex;align-items:center;gap:var(--s2);font-size:var(--small);color:var(--muted)}\n.canvas-number input[type=\"range\"]{width:clamp(60px,7vw,110px)}\n.canvas-number input[type=\"text\"]{width:62px;text-align:right}\n.canvas-colour input{width:44px;height:var(--control);padding:2px;border:1px solid var(--edge);border-radius:var(--round);background:var(--surface);cursor:pointer}\n.canvas-frame-row{display:flex;flex-wrap:wrap;align-items:center;gap:var(--s1) var(--s3)}\n.canvas-foot{display:flex;align-items:center;gap:var(--s2)}\n.canvas-prompt{flex:1;min-width:0}\n.canvas-foot .hint{flex:none;font-variant-numeric:tabular-nums}\n#canvas-keys .menu-items{top:auto;bottom:calc(100% + 4px);width:min(420px,80vw);padding:var(--s3)}\n#canvas-keys-text{white-space:pre-line}\n\n@media (max-width:860px){\n#canvas-dialog{width:100vw;max-width:none;height:100dvh;margin:0;border:0;border-radius:0;padding:var(--s2) var(--s3) max(var(--s2),env(safe-area-inset-bottom))}\n.canvas-head{min-height:44px}\n.canvas-head h2{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n#canvas-dialog .switch button{min-height:38px;padding:0 10px}\n.canvas-hint .hint{font-size:0.75rem;line-height:1.35}\n.canvas-hint{min-height:44px}\n#canvas-dialog > .easel,#canvas-dialog > .turns{grid-column:1 / -1}\n#canvas-dialog:has(.turns:not([hidden])){grid-template-rows:auto auto minmax(0,1fr) auto auto auto}\n.turns{width:auto;margin:0}\n.turns h3{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n.turns ol{display:flex;gap:var(--s1);overflow:auto hidden}\n.turn{width:60px;padding:var(--s1)}\n.turn canvas{width:52px;height:52px}\n.turn-words{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n.turns li{position:relative;flex:none}\n.turn[aria-current=\"true\"]{width:auto;max-width:60vw}\n.turn[aria-current=\"true\"] .turn-words{position:static;width:auto;height:auto;clip-path:none}\n.canvas-tools{gap:var(--s1) var(--s2);min-height:116px;align-content:start}\n.canvas-tools > .toolbar{gap:2px}\n.canvas-tools > .toolbar:not([role]){order:1;margin-left:auto}\n.canvas-tools > .canvas-number{order:2;flex:1 1 40%;display:grid;grid-template-columns:minmax(0,1fr) 56px;gap:0 var(--s2)}\n.canvas-tools > .canvas-number > span{grid-column:1 / -1;font-size:0.75rem}\n.canvas-number input[type=\"range\"]{width:100%;height:44px}\n.canvas-number input[type=\"text\"]{width:56px;min-height:44px;padding:4px 8px}\n.canvas-tools .icon-button{min-width:38px;width:38px}\n.canvas-colour > span{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n.canvas-colour input{height:44px}\n.canvas-frame-row{flex:1;display:grid;grid-template-columns:repeat(4,1fr);gap:var(--s2)}\n.canvas-frame-row .canvas-number{display:grid;gap:0;font-size:0.75rem}\n.canvas-frame-row .canvas-number input[type=\"text\"]{width:100%}\n.canvas-frame-row .button{grid-column:1 / -1;justify-self:start}\n.float-acts{bottom:64px}\n.canvas-foot{flex-wrap:wrap}\n.canvas-prompt{flex:1 1 100%}\n.canvas-foot .hint{flex:1;min-width:0;font-size:0.75rem}\n}\n\n@media (max-height:520px){\n#canvas-dialog,#canvas-dialog:has(.turns:not([hidden])){grid-template-rows:auto minmax(0,1fr) auto auto;gap:var(--s1)}\n.canvas-hint:not(:has(.canvas-run:not([hidden]))),.canvas-foot .hint{display:none}\n.canvas-hint{min-height:0}\n#canvas-dialog:has(.canvas-run:not([hidden])){grid-template-rows:auto auto minmax(0,1fr) auto auto}\n#canvas-dialog > .easel{grid-column:1}\n#canvas-dialog > .turns{grid-column:2;width:72px;margin-left:var(--s2)}\n.turns ol{display:block;overflow:hidden auto}\n.turn[aria-current=\"true\"] .turn-words{position:absolute;width:1px;height:1px;clip-path:inset(50%)}\n.canvas-tools{flex-wrap:nowrap;min-height:44px;overflow-x:auto}\n.canvas-tools > *,.canvas-tools > .canvas-number{flex:none}\n.canvas-tools > .canvas-number{display:flex}\n.canvas-number input[type=\"range\"]{width:80px}\n.canvas-foot{flex-wrap:nowrap}\n.canvas-prompt{flex:1 1 0}\n}\n\n@media (forced-colors:active){\n.tool[aria-pressed=\"true\"]{outline:2px solid Highlight}\n}\n";
export const tree = [["dialog",{"id":"canvas-dialog","class":"full","data-keep":"","aria-labelledby":"canvas-title"},["div",{"class":"label-row canvas-head"},["h2",{"id":"canvas-title","data-t":"canvas.title"}],["div",{"class":"switch","role":"group","data-t-aria-label":"canvas.modes"},["button",{"type":"button","data-mode":"mask","aria-pressed":"true","data-t":"canvas.mask"}],["button",{"type":"button","data-mode":"sketch","aria-pressed":"false","data-t":"canvas.sketch"}],["button",{"type":"button","data-mode":"frame","aria-pressed":"false","data-t":"canvas.frame"}]],["span",{"class":"spring"}],["button",{"type":"button","class":"icon-button","id":"canvas-undo","data-t-aria-label":"canvas.undo","data-t-title":"canvas.undo"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-undo"}]]],["button",{"type":"button","class":"icon-button","id":"canvas-redo","data-t-aria-label":"canvas.redo","data-t-title":"canvas.redo"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-redo"}]]],["button",{"type":"button","class":"icon-button","id":"canvas-close","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"canvas-hint"},["p",{"class":"hint","id":"canvas-hint"}],["div",{"class":"canvas-run","id":"canvas-run","hidden":""},["progress",{"id":"canvas-progress","max":"1","data-t-aria-label":"progress"}],["span",{"class":"hint","id":"canvas-run-text"}],["button",{"type":"button","class":"text-button inset","id":"canvas-cancel","data-t":"cancel"}]]],["div",{"class":"easel","id":"easel"},["div",{"class":"beyond","id":"canvas-beyond","aria-hidden":"true"}],["canvas",{"id":"canvas-base","aria-hidden":"true"}],["div",{"class":"over","id":"canvas-over","aria-hidden":"true","hidden":""},["img",{"id":"canvas-preview","alt":""}]],["canvas",{"id":"canvas-paint","tabindex":"0","role":"application","aria-describedby":"canvas-keys-text","data-t-aria-label":"canvas.label"}],["svg",{"class":"outline","aria-hidden":"true"},["path",{"id":"canvas-outline","d":""}]],["div",{"class":"frame-box","id":"canvas-frame","aria-hidden":"true"},["i",{"data-edge":"left"}],["i",{"data-edge":"top"}],["i",{"data-edge":"right"}],["i",{"data-edge":"bottom"}],["i",{"data-edge":"left top"}],["i",{"data-edge":"right top"}],["i",{"data-edge":"left bottom"}],["i",{"data-edge":"right bottom"}]],["div",{"class":"float","id":"canvas-float","tabindex":"0","role":"application","data-t-aria-label":"canvas.float","hidden":""},["canvas",{"id":"canvas-float-picture"}],["i",{"id":"canvas-float-size"}]],["span",{"class":"brush","id":"brush","hidden":""}],["div",{"class":"float-acts","id":"canvas-float-acts","hidden":""},["button",{"type":"button","class":"button small primary","id":"canvas-float-place","data-t":"canvas.float.place"}],["button",{"type":"button","class":"button small","id":"canvas-float-off","data-t":"canvas.float.off"}]],["div",{"class":"zoom","role":"group","data-t-aria-label":"canvas.zoom"},["button",{"type":"button","class":"text-button","id":"canvas-before","aria-pressed":"false","data-t":"canvas.before","data-t-title":"canvas.before.title","hidden":""}],["button",{"type":"button","class":"icon-button","id":"canvas-out","data-t-aria-label":"canvas.out","data-t-title":"canvas.out"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-minus"}]]],["button",{"type":"button","class":"text-button","id":"canvas-fit","data-t-title":"canvas.fit"},["span",{"id":"canvas-scale"}],["span",{"class":"visually-hidden","data-t":"canvas.fit"}]],["button",{"type":"button","class":"icon-button","id":"canvas-in","data-t-aria-label":"canvas.in","data-t-title":"canvas.in"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-plus"}]]]]],["section",{"class":"turns","id":"canvas-turns","aria-labelledby":"canvas-turns-title","hidden":""},["h3",{"id":"canvas-turns-title","data-t":"canvas.turns"}],["ol",{"id":"canvas-turn-list"}]],["div",{"class":"canvas-tools"},["div",{"class":"toolbar","role":"toolbar","id":"canvas-tools","data-t-aria-label":"canvas.tools","data-in":"mask sketch"},["button",{"type":"button","class":"icon-button tool","data-tool":"brush","aria-pressed":"true","data-t-aria-label":"canvas.brush","data-t-title":"canvas.brush"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-fix"}]]],["button",{"type":"button","class":"icon-button tool","data-tool":"rectangle","aria-pressed":"false","data-t-aria-label":"canvas.rectangle","data-t-title":"canvas.rectangle"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-rectangle"}]]],["button",{"type":"button","class":"icon-button tool","data-tool":"lasso","aria-pressed":"false","data-t-aria-label":"canvas.lasso","data-t-title":"canvas.lasso"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-lasso"}]]],["button",{"type":"button","class":"icon-button tool","data-tool":"pick","aria-pressed":"false","data-in":"sketch","data-t-aria-label":"canvas.pick","data-t-title":"canvas.pick"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-pick"}]]],["button",{"type":"button","class":"icon-button tool","id":"canvas-erase","aria-pressed":"false","data-t-aria-label":"canvas.erase","data-t-title":"canvas.erase"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-erase"}]]]],["label",{"class":"canvas-number","data-in":"mask sketch"},["span",{"data-t":"canvas.size"}],["input",{"type":"range","id":"canvas-size-slide","min":"0","max":"100","step":"0.5","tabindex":"-1","data-t-aria-label":"canvas.size"}],["input",{"type":"text","id":"canvas-size","data-step":"4","inputmode":"numeric","spellcheck":"false","data-t-aria-label":"canvas.size"}]],["label",{"class":"canvas-number","data-in":"mask sketch"},["span",{"data-t":"canvas.feather"}],["input",{"type":"range","id":"canvas-feather-slide","min":"0","max":"100","tabindex":"-1","data-t-aria-label":"canvas.feather"}],["input",{"type":"text","id":"canvas-feather","data-step":"5","inputmode":"numeric","spellcheck":"false","data-t-aria-label":"canvas.feather"}]],["label",{"class":"canvas-colour","data-in":"sketch"},["span",{"data-t":"canvas.colour"}],["input",{"type":"color","id":"canvas-colour","value":"#d8432e"}]],["div",{"class":"toolbar","data-in":"mask sketch"},["button",{"type":"button","class":"button small","id":"canvas-invert","data-in":"mask","data-t":"canvas.invert"}],["button",{"type":"button","class":"button small","id":"canvas-holes","data-in":"mask","data-t":"canvas.holes","hidden":""}],["button",{"type":"button","class":"icon-button","id":"canvas-bring","data-in":"sketch","data-t-aria-label":"canvas.bring","data-t-title":"canvas.bring"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-image"}]]],["button",{"type":"button","class":"icon-button","id":"canvas-clear","data-t-aria-label":"canvas.clear","data-t-title":"canvas.clear"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-trash"}]]],["input",{"type":"file","id":"canvas-file","accept":"image/png,image/jpeg,image/webp","data-t-aria-label":"canvas.bring","hidden":""}]],["div",{"class":"canvas-frame-row","id":"canvas-frame-numbers","data-in":"frame"},["label",{"class":"canvas-number"},["span",{"data-t":"extend.left"}],["input",{"type":"text","id":"canvas-left","data-step":"8","inputmode":"numeric","spellcheck":"false"}]],["label",{"class":"canvas-number"},["span",{"data-t":"extend.top"}],["input",{"type":"text","id":"canvas-top","data-step":"8","inputmode":"numeric","spellcheck":"false"}]],["label",{"class":"canvas-number"},["span",{"data-t":"extend.right"}],["input",{"type":"text","id":"canvas-right","data-step":"8","inputmode":"numeric","spellcheck":"false"}]],["label",{"class":"canvas-number"},["span",{"data-t":"extend.bottom"}],["input",{"type":"text","id":"canvas-bottom","data-step":"8","inputmode":"numeric","spellcheck":"false"}]],["button",{"type":"button","class":"button small","id":"canvas-frame-reset","data-t":"canvas.frame.reset"}]]],["div",{"class":"canvas-foot"},["label",{"class":"canvas-prompt"},["span",{"class":"visually-hidden","data-t":"field.prompt"}],["input",{"type":"text","id":"canvas-prompt","dir":"auto","spellcheck":"true","autocomplete":"off","data-t-placeholder":"canvas.prompt"}]],["p",{"class":"hint","id":"canvas-about"}],["details",{"class":"menu keys","id":"canvas-keys"},["summary",{"class":"text-button","data-t":"canvas.keys"}],["div",{"class":"menu-items"},["p",{"id":"canvas-keys-text","class":"hint","data-t":"canvas.keys.text"}]]],["button",{"type":"button","class":"button small","id":"canvas-done","data-t":"canvas.done"}],["button",{"type":"button","class":"button small primary","id":"canvas-generate","data-t":"generate"}]],["svg",{"class":"sprite","aria-hidden":"true"},["symbol",{"id":"i-undo","viewBox":"0 0 20 20"},["path",{"d":"M7 4L3.5 7.500L7 11M3.500 7.500h8a5 5 0 010 10H8"}]],["symbol",{"id":"i-redo","viewBox":"0 0 20 20"},["path",{"d":"M13 4l3.500 3.500L13 11M16.500 7.500h-8a5 5 0 000 10H12"}]],["symbol",{"id":"i-minus","viewBox":"0 0 20 20"},["path",{"d":"M4 10h12"}]],["symbol",{"id":"i-plus","viewBox":"0 0 20 20"},["path",{"d":"M4 10h12M10 4v12"}]],["symbol",{"id":"i-rectangle","viewBox":"0 0 20 20"},["rect",{"x":"3","y":"4.500","width":"14","height":"11","rx":"1","stroke-dasharray":"3 2.200"}]],["symbol",{"id":"i-lasso","viewBox":"0 0 20 20"},["path",{"d":"M6 13c-2-1-3-2.300-3-4 0-3 3-5.500 7-5.500s7 2.500 7 5.500-3 5.500-7 5.500c-1 0-2-.1-2.800-.4M7.500 14.500a2 2 0 10-4 0c0 1.500 2 2 1.500 3.500"}]],["symbol",{"id":"i-pick","viewBox":"0 0 20 20"},["path",{"d":"M11 6l3 3-7.500 7.500H3.500v-3zM12 5l1.800-1.800a1.700 1.700 0 012.900 2.900L15 8"}]],["symbol",{"id":"i-erase","viewBox":"0 0 20 20"},["path",{"d":"M8 16.500h8.500M3.500 12.500l8-8.500 5 5-7 7.500H7zM7.500 8.500l5 5"}]]]]];
export const start = ({ $assistant, $collection, $controls, $database, $dom, $form, $i18n, $keys, $notices, $numbers, $pictures, $queue, $run, $size, $source, $undo }) => {

const $coverage = (() => {

const FULL = 255;

function sweep(cover, { width, height }, from, to, feather) {
const reach = Math.max(from.r, to.r) + 1;
const box = bounded({ left: Math.min(from.x, to.x) - reach, top: Math.min(from.y, to.y) - reach, right: Math.max(from.x, to.x) + reach, bottom: Math.max(from.y, to.y) + reach }, width, height);
const [across, down, wider] = [to.x - from.x, to.y - from.y, to.r - from.r];
const length = across * across + down * down;
for (let y = box.top; y < box.bottom; y++) {
const dy = y + 0.5 - from.y;
for (let x = box.left, at = y * width + x; x < box.right; x++, at++) {
const dx = x + 0.5 - from.x;
const part = length ? Math.min(1, Math.max(0, (dx * across + dy * down) / length)) : 1;
const r = from.r + part * wider;
const off = (dx - part * across) ** 2 + (dy - part * down) ** 2;
if (off >= (r + 0.5) * (r + 0.5)) continue;
const inside = (r + 0.5 - Math.sqrt(off)) / Math.max(1, r * feather);
const value = inside >= 1 ? FULL : Math.round(FULL * inside * inside * (3 - 2 * inside));
if (value > cover[at]) cover[at] = value;
}
}
return box;
}

function enclose(cover, { width, height }, points, soft) {
const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
const [least, most] = [(list) => list.reduce((a, b) => Math.min(a, b)), (list) => list.reduce((a, b) => Math.max(a, b))];
const box = bounded({ left: least(xs) - soft - 1, top: least(ys) - soft - 1, right: most(xs) + soft + 1, bottom: most(ys) + soft + 1 }, width, height);
const size = [box.right - box.left, box.bottom - box.top];
if (size[0] < 1 || size[1] < 1) return box;
const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = size;
const drawn = canvas.getContext("2d", { willReadFrequently: true });
drawn.translate(-box.left, -box.top);
drawn.beginPath();
points.forEach(({ x, y }, index) => (index ? drawn.lineTo(x, y) : drawn.moveTo(x, y)));
drawn.fill();
const pixels = drawn.getImageData(0, 0, ...size).data;
const values = new Uint8Array(size[0] * size[1]);
for (let at = 0; at < values.length; at++) values[at] = pixels[at * 4 + 3];
canvas.width = canvas.height = 1;
const radius = Math.round(soft / 2);
if (radius > 0) for (let turn = 0; turn < 2; turn++) blur(values, ...size, radius);
for (let y = 0; y < size[1]; y++) {
const row = (box.top + y) * width + box.left;
for (let x = 0; x < size[0]; x++) cover[row + x] = Math.max(cover[row + x], values[y * size[0] + x]);
}
return box;
}

function bounded({ left, top, right, bottom }, width, height) {
const within = (value, most) => Math.min(most, Math.max(0, value));
const box = { left: within(Math.floor(left), width), top: within(Math.floor(top), height), right: within(Math.ceil(right), width), bottom: within(Math.ceil(bottom), height) };
return { ...box, right: Math.max(box.left, box.right), bottom: Math.max(box.top, box.bottom) };
}

function blur(values, width, height, radius) {
const line = new Float32Array(Math.max(width, height));
const along = (start, step, count) => {
for (let at = 0; at < count; at++) line[at] = values[start + at * step];
const edged = (at) => line[Math.min(count - 1, Math.max(0, at))];
let sum = 0;
for (let at = -radius; at <= radius; at++) sum += edged(at);
for (let at = 0; at < count; at++) {
values[start + at * step] = Math.round(sum / (2 * radius + 1));
sum += edged(at + radius + 1) - edged(at - radius);
}
};
for (let y = 0; y < height; y++) along(y * width, 1, width);
for (let x = 0; x < width; x++) along(x, width, height);
}
return { sweep, enclose, bounded };
})();

const $view = (() => {

const { byId } = $dom;
const { bounded } = $coverage;

const LARGEST = 32;
const SMALLEST = 0.25;
const MARGIN = 24;
const WIDE_MARGIN = 0.16;
const BESIDE = 2;
const FAINT = 0.4; // of a mask, where it isn't what is painted
const SOFT = 2;

let seen = null;
let easel = null;
let scratch = null;
let waiting = false;
let stale = undefined;
let stirred = () => {};

function showPicture(base, layers, onMove) {
stirred = onMove;
const alike = seen && seen.layers.width === layers.width && seen.layers.height === layers.height;
seen = alike ? { ...seen, base, layers } : { base, layers, scale: 1, x: 0, y: 0, fitted: true };
refit();
}

function hidePicture() {
seen = null;
for (const canvas of [...canvases(), scratch].filter(Boolean)) canvas.width = canvas.height = 1;
}

function showFor({ wide, faint }) {
Object.assign(seen, { wide, faint });
redraw(null);
if (seen.fitted) fit();
}

function fit() {
const { width, height } = room();
const { scale, left, top, across, down } = whole();
Object.assign(seen, { scale, x: (width - across * scale) / 2 + left * scale, y: (height - down * scale) / 2 + top * scale, fitted: true });
redraw(null);
stirred();
}

function refit() {
if (!seen) return;
measure();
if (seen.fitted) return fit();
redraw(null);
stirred();
}

function zoom(factor, about = middle()) {
const least = whole().scale * SMALLEST;
const scale = Math.min(LARGEST / devicePixelRatio, Math.max(Math.min(least, 1), seen.scale * factor));
const at = { x: (about.x - seen.x) / seen.scale, y: (about.y - seen.y) / seen.scale };
move({ scale, x: about.x - at.x * scale, y: about.y - at.y * scale });
}

const zoomToPixels = () => zoom(1 / devicePixelRatio / seen.scale);

const pan = (across, down) => move({ scale: seen.scale, x: seen.x + across, y: seen.y + down });

function follow({ x, y }) {
const { width, height } = room();
const at = toEasel({ x, y });
const off = (value, most) => (value < MARGIN ? MARGIN - value : value > most - MARGIN ? most - MARGIN - value : 0);
const [across, down] = [off(at.x, width), off(at.y, height)];
if ((across || down) && !seen.fitted) pan(across, down);
}

const scaleNow = () => seen.scale;
const toEasel = ({ x, y }) => ({ x: seen.x + x * seen.scale, y: seen.y + y * seen.scale });

const inEasel = ({ clientX, clientY }) => ({ x: clientX - easel.left, y: clientY - easel.top });

function placeOf(event) {
const { x, y } = inEasel(event);
return { x: (x - seen.x) / seen.scale, y: (y - seen.y) / seen.scale };
}

function redraw(box) {
stale = stale === undefined ? box : stale && box && { left: Math.min(stale.left, box.left), top: Math.min(stale.top, box.top), right: Math.max(stale.right, box.right), bottom: Math.max(stale.bottom, box.bottom) };
if (waiting) return;
waiting = true;
requestAnimationFrame(() => {
waiting = false;
const what = stale;
stale = undefined;
if (seen) draw(what);
});
}

const canvases = () => [byId("canvas-base"), byId("canvas-paint")];
const middle = () => ({ x: room().width / 2, y: room().height / 2 });

const room = () => easel;

function measure() {
easel = byId("easel").getBoundingClientRect();
}

function whole() {
const { width, height } = room();
const [left, top, right, bottom] = ["left", "top", "right", "bottom"].map((side) => Math.max(0, seen.layers.frame[side]));
const [across, down] = [seen.layers.width + left + right, seen.layers.height + top + bottom];
const margin = seen.wide ? Math.max(MARGIN, Math.min(width, height) * WIDE_MARGIN) : MARGIN;
return { left, top, across, down, scale: Math.max(0.01, Math.min((width - 2 * margin) / across, (height - 2 * margin) / down, LARGEST / devicePixelRatio)) };
}

function move({ scale, x, y }) {
const { width, height } = room();
const within = (value, size, most) => Math.min(most - MARGIN, Math.max(MARGIN - size * scale, value));
Object.assign(seen, { scale, x: within(x, seen.layers.width, width), y: within(y, seen.layers.height, height), fitted: false });
redraw(null);
stirred();
}

function draw(box) {
const { width, height } = room();
const size = [Math.max(1, Math.round(width * devicePixelRatio)), Math.max(1, Math.round(height * devicePixelRatio))];
const [base, paint] = canvases();
let all = box === null;
for (const canvas of [base, paint]) {
if (canvas.width === size[0] && canvas.height === size[1]) continue;
[canvas.width, canvas.height] = size;
all = true;
}
if (all) drawOn(base.getContext("2d"), [seen.base], null);
drawOn(paint.getContext("2d", { willReadFrequently: true }), [seen.layers.sketch, seen.layers.tint], all ? null : box);
}

function drawOn(drawn, pictures, box) {
const { canvas } = drawn;
const scale = seen.scale * devicePixelRatio;
const [x, y] = [seen.x * devicePixelRatio, seen.y * devicePixelRatio];
drawn.setTransform(1, 0, 0, 1, 0, 0);
if (!box) drawn.clearRect(0, 0, canvas.width, canvas.height);
const inSight = { left: -x / scale, top: -y / scale, right: (canvas.width - x) / scale, bottom: (canvas.height - y) / scale };
const part = bounded(box ? overlap(grown(box, BESIDE / scale + 1), inSight) : inSight, seen.layers.width, seen.layers.height);
const place = [Math.floor(x + part.left * scale), Math.floor(y + part.top * scale), Math.ceil(x + part.right * scale), Math.ceil(y + part.bottom * scale)];
const from = bounded(grown(part, 2 * (BESIDE / scale + 1)), seen.layers.width, seen.layers.height);
const [across, down] = [from.right - from.left, from.bottom - from.top];
if (part.right <= part.left || part.bottom <= part.top) return;
drawn.save();
drawn.beginPath();
drawn.rect(place[0], place[1], place[2] - place[0], place[3] - place[1]);
drawn.clip();
if (box) drawn.clearRect(place[0], place[1], place[2] - place[0], place[3] - place[1]);
drawn.setTransform(scale, 0, 0, scale, x, y);
drawn.imageSmoothingEnabled = scale <= SOFT;
drawn.imageSmoothingQuality = "medium";
for (const picture of pictures) {
drawn.globalAlpha = picture === seen.layers.tint && seen.faint ? FAINT : 1;
if (picture && box) drawn.drawImage(partOf(picture, from), 0, 0, across, down, from.left, from.top, across, down);
else if (picture) drawn.drawImage(picture, from.left, from.top, across, down, from.left, from.top, across, down);
}
drawn.restore();
}

function partOf(picture, { left, top, right, bottom }) {
scratch ??= document.createElement("canvas");
if (scratch.width < right - left) scratch.width = right - left;
if (scratch.height < bottom - top) scratch.height = bottom - top;
const pixels = picture.getContext("2d", { willReadFrequently: true }).getImageData(left, top, right - left, bottom - top);
scratch.getContext("2d", { willReadFrequently: true }).putImageData(pixels, 0, 0);
return scratch;
}

const grown = ({ left, top, right, bottom }, by) => ({ left: left - by, top: top - by, right: right + by, bottom: bottom + by });
const overlap = (one, other) => ({ left: Math.max(one.left, other.left), top: Math.max(one.top, other.top), right: Math.min(one.right, other.right), bottom: Math.min(one.bottom, other.bottom) });
return { showPicture, hidePicture, showFor, fit, refit, zoom, zoomToPixels, pan, follow, scaleNow, toEasel, inEasel, placeOf, redraw };
})();

const $tools = (() => {

const { all, byId, press } = $dom;
const { numberIn, written } = $numbers;
const { enclose, sweep } = $coverage;
const { scaleNow, toEasel } = $view;

const FAINTEST = 0.15; // of a brush's size, where a pen barely touches
const CLOSE = 0.08;
const SIZES = { from: 1, most: 1024 };

const now = { layer: "mask", kind: "brush", erase: false, size: 48, feather: 0, colour: "#d8432e" };
let layers = null;
let base = null;
let points = null;
let own = false;
let rubs = false; // with a pen's other end
let last = null;

const toolNow = () => now;

function startTools() {
for (const button of all("[data-tool]")) button.addEventListener("click", () => takeTool(button.dataset.tool));
byId("canvas-erase").addEventListener("click", toggleErase);
for (const id of ["canvas-size", "canvas-size-slide"]) byId(id).addEventListener("input", () => { own = true; });
for (const name of ["size", "feather"]) {
byId(`canvas-${name}`).addEventListener("input", () => setNumber(name, numberIn(byId(`canvas-${name}`).value), false));
byId(`canvas-${name}`).addEventListener("change", () => setNumber(name, now[name]));
byId(`canvas-${name}-slide`).addEventListener("input", (event) => setNumber(name, name === "size" ? sizeAt(Number(event.target.value)) : Number(event.target.value)));
}
byId("canvas-colour").addEventListener("input", (event) => { now.colour = event.target.value; });
}

function useTools(picture, of, again = false) {
[base, layers, points, last] = [picture, of, null, null];
setNumber("size", own ? now.size : Math.max(8, Math.round(Math.min(of.width, of.height) / 8)));
setNumber("feather", now.feather);
takeTool(again ? now.kind : "brush");
press(byId("canvas-erase"), (now.erase = false));
}

function dropTools() {
layers = base = points = null;
}

function takeTool(kind) {
end();
now.kind = kind;
for (const button of all("[data-tool]")) press(button, button.dataset.tool === kind);
}

function toggleErase() {
now.erase = !now.erase;
press(byId("canvas-erase"), now.erase);
if (now.kind === "pick") takeTool("brush");
}

function setNumber(name, value, write = true) {
const [least, most] = name === "size" ? [SIZES.from, SIZES.most] : [0, 100];
if (Number.isFinite(value)) now[name] = Math.round(Math.min(most, Math.max(least, value)));
if (write) byId(`canvas-${name}`).value = written(now[name]);
const slide = byId(`canvas-${name}-slide`);
slide.value = name === "size" ? placeOfSize(now.size) : now.feather;
slide.style.setProperty("--at", slide.value / 100);
}

function stepSize(larger) {
own = true;
setNumber("size", larger ? Math.max(now.size + 1, Math.round(now.size * 1.25)) : Math.min(now.size - 1, Math.round(now.size * 0.8)));
}

const sizeAt = (place) => SIZES.most ** (place / 100);
const placeOfSize = (size) => (100 * Math.log(size)) / Math.log(SIZES.most);

const isDrawing = () => points !== null;
const isBrush = () => now.kind === "brush" || now.kind === "pick"; // what picks lets its pen's other end rub

function begin(point, { pressure = 1, straight = false, erase = false } = {}) {
end(); // what keys have begun, or who lifted it wasn't seen to
rubs = erase;
if (now.kind === "pick" && !rubs) return void pick(point);
const first = { x: point.x, y: point.y, r: radius(pressure) };
points = [first];
if (!isBrush()) return void outline();
layers.begin(now.layer);
lay(sweep(layers.cover, layers, straight && last ? last : first, first, now.feather / 100));
}

function extend(point, { pressure = 1 } = {}) {
if (!points) return;
const to = { x: point.x, y: point.y, r: radius(pressure) };
const from = points.at(-1);
if (Math.hypot(to.x - from.x, to.y - from.y) < Math.max(0.5, to.r * CLOSE)) return;
if (isBrush()) {
lay(sweep(layers.cover, layers, from, to, now.feather / 100));
points = [to];
} else {
points = now.kind === "rectangle" ? [points[0], to] : [...points, to];
outline();
}
}

function end() {
if (!points) return;
if (!isBrush()) {
const line = shape();
if (line.length > 2) {
layers.begin(now.layer);
lay(enclose(layers.cover, layers, line, Math.round((now.size / 2) * (now.feather / 100))));
layers.end();
}
} else {
layers.end();
last = points.at(-1);
}
points = null;
outline();
}

function abort() {
if (points && isBrush()) layers.abort();
points = null;
outline();
}

function outline() {
const places = points && !isBrush() ? shape().map(toEasel) : [];
byId("canvas-outline").setAttribute("d", places.map(({ x, y }, index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("") + (places.length ? "Z" : ""));
}

function showBrush(point) {
const brush = byId("brush");
brush.hidden = now.kind !== "brush" || point === null;
if (brush.hidden) return;
const { x, y } = toEasel(point);
const wide = Math.max(3, now.size * scaleNow());
brush.style.width = brush.style.height = `${wide}px`;
brush.style.setProperty("--hard", `${now.feather / 2}%`);
brush.style.transform = `translate(${x - wide / 2}px, ${y - wide / 2}px)`;
}

const radius = (pressure) => (now.size / 2) * Math.max(FAINTEST, pressure);
const lay = (box) => layers.lay(box, { erase: rubs || now.erase, colour: channels(now.colour) });
const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function shape() {
if (now.kind !== "rectangle") return points;
const [from, to] = [points[0], points.at(-1)];
if (points.length < 2) return points;
return [from, { x: to.x, y: from.y }, to, { x: from.x, y: to.y }];
}

function pick({ x, y }) {
if (x < 0 || y < 0 || x >= layers.width || y >= layers.height) return;
const canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
const drawn = canvas.getContext("2d", { willReadFrequently: true });
for (const picture of [base, layers.sketch]) if (picture) drawn.drawImage(picture, -Math.floor(x), -Math.floor(y));
const [red, green, blue] = drawn.getImageData(0, 0, 1, 1).data;
now.colour = byId("canvas-colour").value = `#${[red, green, blue].map((value) => value.toString(16).padStart(2, "0")).join("")}`;
takeTool("brush");
}
return { SIZES, toolNow, startTools, useTools, dropTools, takeTool, toggleErase, setNumber, stepSize, isDrawing, begin, extend, end, abort, outline, showBrush };
})();

const $hands = (() => {

const { byId } = $dom;
const { abort, begin, extend, end, isDrawing, showBrush } = $tools;
const { inEasel, pan, placeOf, zoom } = $view;

const WHEEL = 0.0015;
const LINE = 32;
const FAR = 48;
const RUBBER = 5; // the button that a pen's other end is
const down = new Map();
let doing = null; // "draw", "pan" or "pinch"
let held = false;
let draws = () => true;
let whenAt = () => {};

function startHands(mayDraw, onPlace) {
[draws, whenAt] = [mayDraw, onPlace];
const canvas = byId("canvas-paint");
canvas.addEventListener("pointerdown", put);
canvas.addEventListener("pointermove", move);
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("lostpointercapture", lift);
canvas.addEventListener("pointerleave", () => { if (!doing) showBrush(null); });
canvas.addEventListener("contextmenu", (event) => event.preventDefault());
addEventListener("blur", () => hold(false));
byId("easel").addEventListener("wheel", turn, { passive: false });
}

function hold(on) {
held = on;
byId("easel").classList.toggle("held", on);
if (!on && doing === "pan") doing = null;
}

function letGo() {
down.clear();
doing = null;
hold(false);
}

function put(event) {
const pen = event.pointerType === "pen";
if (event.pointerType === "touch" && [...down.values()].some((one) => one.pen || (doing === "draw" && one.far))) return;
const rubs = pen && event.button === RUBBER;
if (event.button > 1 && !rubs) return;
if (pen && down.size) forget();
event.preventDefault();
byId("canvas-paint").focus();
byId("canvas-paint").setPointerCapture(event.pointerId);
down.set(event.pointerId, { x: event.clientX, y: event.clientY, from: { x: event.clientX, y: event.clientY }, pen, far: false });
if (down.size === 2) {
abort();
doing = "pinch";
} else if (down.size === 1) {
doing = held || event.button === 1 || !draws() ? "pan" : "draw";
if (doing === "draw") begin(placeOf(event), { pressure: pressureOf(event), straight: event.shiftKey, erase: rubs });
if (!isDrawing() && doing === "draw") doing = null;
}
}

function move(event) {
whenAt(placeOf(event));
const before = down.get(event.pointerId);
if (!before) return;
if (doing === "draw") for (const each of coalesced(event)) extend(placeOf(each), { pressure: pressureOf(each) });
if (doing === "pan") pan(event.clientX - before.x, event.clientY - before.y);
if (doing === "pinch") pinch(event);
Object.assign(before, { x: event.clientX, y: event.clientY, far: before.far || Math.hypot(event.clientX - before.from.x, event.clientY - before.from.y) > FAR });
}

function forget() {
abort();
down.clear();
doing = null;
}

function lift(event) {
const lifted = down.get(event.pointerId);
if (!down.delete(event.pointerId)) return;
if (doing === "draw") event.type === "pointercancel" && !lifted.far ? abort() : end();
if (doing !== "pinch" || down.size === 0) doing = null;
}

function pinch(event) {
const [one, other] = [...down.entries()].map(([id, place]) => (id === event.pointerId ? { from: place, to: { x: event.clientX, y: event.clientY } } : { from: place, to: place }));
if (!other) return;
const between = (which) => ({ x: (one[which].x + other[which].x) / 2, y: (one[which].y + other[which].y) / 2, far: Math.hypot(one[which].x - other[which].x, one[which].y - other[which].y) });
const [before, after] = [between("from"), between("to")];
pan(after.x - before.x, after.y - before.y);
if (before.far > 0) zoom(after.far / before.far, inEasel({ clientX: after.x, clientY: after.y }));
}

function turn(event) {
event.preventDefault();
const by = event.deltaMode === 1 ? LINE : 1;
if (event.shiftKey) return pan(-(event.deltaX || event.deltaY) * by, 0);
return zoom(Math.exp(-event.deltaY * by * WHEEL * (event.ctrlKey ? 4 : 1)), inEasel(event));
}

const pressureOf = (event) => (event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 1);

function coalesced(event) {
const each = event.getCoalescedEvents?.() ?? [];
return each.length ? each : [event];
}
return { startHands, hold, letGo };
})();

const $bykeys = (() => {

const { all, byId, tell } = $dom;
const { t } = $i18n;
const { bracketOf, letterOf } = $keys;
const { hold } = $hands;
const { begin, end, extend, isDrawing, setNumber, showBrush, stepSize, takeTool, toggleErase, toolNow } = $tools;
const { fit, follow, zoom, zoomToPixels } = $view;

const STEP = 0.02; // of the picture's width, for the arrow keys
const LARGE = 4;
const FEATHER = 10;
const CLOSER = 1.25;
const TOOLS = { b: "brush", r: "rectangle", l: "lasso", i: "pick" };
let layers = null;
let acts = {};
let at = { x: 0, y: 0 };
let pointed = false;
let over = false;

function startKeys(what) {
acts = what;
byId("canvas-dialog").addEventListener("keydown", press);
byId("canvas-dialog").addEventListener("keyup", lift);
byId("canvas-paint").addEventListener("pointerleave", () => { over = false; });
for (const bar of all("[role=toolbar]", byId("canvas-dialog"))) bar.addEventListener("keydown", (event) => rove(bar, event));
}

function useKeys(of) {
layers = of;
at = { x: of.width / 2, y: of.height / 2 };
pointed = over = false;
}

function pointAt(place) {
[at, pointed, over] = [place, true, true];
showBrush(acts.draws() ? at : null);
}

function rest() {
for (const bar of all("[role=toolbar]", byId("canvas-dialog"))) all("button", bar).forEach((button, index) => { button.tabIndex = index ? -1 : 0; });
}

function rove(bar, event) {
const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
if (!by) return;
event.preventDefault();
const buttons = all("button", bar).filter((button) => button.offsetParent !== null);
const next = buttons[(buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length];
for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
next.focus();
}

function press(event) {
if (event.isComposing) return; // Enter and Escape are the input method's
const held = event.ctrlKey || event.metaKey;
const writes = event.target.matches("input:not([type=range], [type=color]), textarea");
if (event.key === "Enter" && (held || event.target.id === "canvas-prompt")) event.repeat || acts.generate();
else if (event.key === "Escape") acts.escape();
else if (event.code === "Space" && pointed && over && event.target.id !== "canvas-prompt") grip(event);
else if (writes || event.altKey) return;
else if (held) return void takeBack(event);
else if (event.code === "Space" ? !space(event) : !(event.target.id === "canvas-paint" && brush(event)) && !looks(event) && !tools(event)) return;
event.preventDefault();
}

function lift(event) {
if (event.code === "Space" && byId("easel").classList.contains("held")) {
hold(false);
event.preventDefault();
} else if (event.code === "Space" && event.target.id === "canvas-paint") putUp();
}

function takeBack(event) {
const key = letterOf(event);
if (key !== "z" && key !== "y") return;
event.preventDefault();
if (key === "y" || event.shiftKey) acts.redo();
else acts.undo();
}

function grip(event) {
if (!event.repeat) hold(true);
}

function space(event) {
if (event.target.id !== "canvas-paint") return false;
if (!event.repeat && acts.draws()) begin({ ...at });
return true;
}

function brush(event) {
const step = Math.max(1, layers.width * STEP * (event.shiftKey ? LARGE : 1));
const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
if (event.key === "Enter") {
if (isDrawing()) putUp();
else if (acts.draws()) begin({ ...at });
return true;
}
if (!moves[event.key]) return false;
pointed = false;
at = { x: Math.min(layers.width, Math.max(0, at.x + moves[event.key][0])), y: Math.min(layers.height, Math.max(0, at.y + moves[event.key][1])) };
extend(at);
follow(at);
showBrush(acts.draws() ? at : null);
return true;
}

function putUp() {
if (!isDrawing()) return;
end();
tell(t(toolNow().erase ? "canvas.erased" : "canvas.painted"));
}

function looks(event) {
if (event.key === "+" || event.code === "Equal" || event.code === "NumpadAdd") zoom(CLOSER);
else if (event.key === "-" || event.code === "Minus" || event.code === "NumpadSubtract") zoom(1 / CLOSER);
else if (event.code === "Digit0" || event.code === "Numpad0") fit();
else if (letterOf(event) === "c") acts.before();
else if (event.code === "Digit1" || event.code === "Numpad1") zoomToPixels();
else return false;
return true;
}

function tools(event) {
if (!acts.draws()) return false;
const bracket = bracketOf(event) ?? { "{": "[", "}": "]" }[event.key];
if (bracket && event.shiftKey) setNumber("feather", toolNow().feather + (bracket === "]" ? FEATHER : -FEATHER));
else if (bracket) stepSize(bracket === "]");
else if (letterOf(event) === "e") toggleErase();
else if (TOOLS[letterOf(event)] && (letterOf(event) !== "i" || toolNow().layer === "sketch")) takeTool(TOOLS[letterOf(event)]);
else return false;
if (!pointed || over) showBrush(at);
return true;
}
return { startKeys, useKeys, pointAt, rest };
})();

const $frame = (() => {

const { all, byId } = $dom;
const { numberIn, written } = $numbers;
const { longestSide } = $size;
const { placeOf, refit, toEasel } = $view;

const SIDES = ["left", "top", "right", "bottom"];
const SNAP = 8;
const LEAST = 16;
let layers = null;
let factor = () => 1;
let moved = () => {};

function startFrame() {
for (const handle of all("#canvas-frame [data-edge]")) {
handle.addEventListener("pointerdown", (event) => drag(event, handle));
}
for (const side of SIDES) {
byId(`canvas-${side}`).addEventListener("input", (event) => set(side, numberIn(event.target.value)));
byId(`canvas-${side}`).addEventListener("blur", () => layers && showFrame());
}
byId("canvas-frame-reset").addEventListener("click", () => layers.setFrame({ left: 0, top: 0, right: 0, bottom: 0 }));
}

function useFrame(of, times, onMove) {
[layers, factor, moved] = [of, times, onMove];
}

function cropBox({ width, height, frame }) {
return { left: Math.max(0, -frame.left), top: Math.max(0, -frame.top), right: width - Math.max(0, -frame.right), bottom: height - Math.max(0, -frame.bottom) };
}

const framedSize = ({ width, height, frame }) => [width + frame.left + frame.right, height + frame.top + frame.bottom];

function showFrame() {
const { width, height, frame } = layers;
const [from, to] = [toEasel({ x: -frame.left, y: -frame.top }), toEasel({ x: width + frame.right, y: height + frame.bottom })];
for (const id of ["canvas-frame", "canvas-beyond", "canvas-over"]) {
Object.assign(byId(id).style, { left: `${from.x}px`, top: `${from.y}px`, width: `${to.x - from.x}px`, height: `${to.y - from.y}px` });
}
byId("canvas-beyond").hidden = !SIDES.some((side) => frame[side] > 0);
for (const side of SIDES) if (document.activeElement !== byId(`canvas-${side}`)) byId(`canvas-${side}`).value = written(frame[side]);
byId("canvas-frame").classList.toggle("cut", SIDES.some((side) => frame[side] < 0));
}

function drag(event, handle) {
if (event.button !== 0) return;
event.preventDefault();
handle.setPointerCapture(event.pointerId);
const before = layers.frame;
const edges = handle.dataset.edge.split(" ");
const move = (each) => {
const { x, y } = placeOf(each);
const at = { left: -x, top: -y, right: x - layers.width, bottom: y - layers.height };
layers.frame = limited(Object.fromEntries(edges.map((side) => [side, at[side]])));
moved();
};
const stop = () => {
handle.removeEventListener("pointermove", move);
const after = layers.frame;
layers.frame = before;
layers.setFrame(after);
refit();
};
handle.addEventListener("pointermove", move);
handle.addEventListener("lostpointercapture", stop, { once: true });
}

function set(side, value) {
layers.setFrame(limited({ [side]: value }), side);
refit();
}

function limited(wanted) {
const frame = { ...layers.frame };
for (const [side, value] of Object.entries(wanted)) {
if (!Number.isFinite(value)) continue;
const [other, size] = side === "left" || side === "right" ? [side === "left" ? "right" : "left", layers.width] : [side === "top" ? "bottom" : "top", layers.height];
const most = Math.max(0, Math.floor(longestSide() / factor(true)) - size - frame[other]);
const least = Math.min(0, LEAST - size - Math.min(0, frame[other]));
const step = SNAP / factor(false);
frame[side] = Math.round(Math.min(most, Math.max(least, value > 0 ? Math.round(value / step) * step : value)));
}
return frame;
}
return { SIDES, startFrame, useFrame, cropBox, framedSize, showFrame };
})();

const $layers = (() => {

const { bounded } = $coverage;

const TILE = 256;
const MOST_BYTES = 64 * 2 ** 20;
const MOST_STEPS = 300;
const TINT = [255, 106, 43];
const SEEN = 0.6;
const TINTS = tints();
const NO_FRAME = { left: 0, top: 0, right: 0, bottom: 0 };

class Layers {
constructor(width, height, seen, changed) {
Object.assign(this, { width, height, seen, changed, done: [], undone: [], step: null });
this.mask = new Uint8Array(width * height);
this.cover = new Uint8Array(width * height);
this.tint = canvasOf(width, height);
this.sketch = null;
this.frame = NO_FRAME;
}

release() {
for (const canvas of [this.tint, this.sketch]) if (canvas) canvas.width = canvas.height = 1;
this.mask = this.cover = new Uint8Array(0);
this.done = this.undone = [];
}

setMask(levels) {
this.mask.set(levels);
this.showMask(this.whole());
}

setSketch(bitmap) {
this.colours().drawImage(bitmap, 0, 0);
}

whole() {
return { left: 0, top: 0, right: this.width, bottom: this.height };
}

begin(layer) {
this.step = { layer, tiles: new Map(), bytes: 0 };
}

lay(box, { erase, colour }) {
for (const tile of this.tilesIn(box)) {
const before = this.keptTile(tile);
const part = { left: Math.max(box.left, tile.left), top: Math.max(box.top, tile.top), right: Math.min(box.right, tile.right), bottom: Math.min(box.bottom, tile.bottom) };
if (this.step.layer === "mask") this.layMask(before, tile, part, erase);
else this.laySketch(before, tile, part, erase, colour);
}
if (this.step.layer === "mask") this.showMask(box);
this.seen(box);
}

place(bitmap, { x, y, width, height }) {
this.begin("sketch");
const box = bounded({ left: x, top: y, right: x + width, bottom: y + height }, this.width, this.height);
for (const tile of this.tilesIn(box)) this.keptTile(tile);
const drawn = this.colours();
drawn.imageSmoothingQuality = "high";
drawn.drawImage(bitmap, x, y, width, height);
this.seen(box);
this.end();
}

end() {
const { step } = this;
this.step = null;
for (const { left, top, right, bottom } of step.tiles.values()) this.uncover(left, top, right, bottom);
if (step.tiles.size) this.push(step);
}

abort() {
const { step } = this;
if (!step) return;
this.step = null;
for (const { left, top, right, bottom } of step.tiles.values()) this.uncover(left, top, right, bottom);
this.swap(step);
}

invert() {
const step = { invert: true, bytes: 0 };
this.swap(step);
this.push(step);
}

clear(layer) {
this.begin(layer);
this.cover.fill(255);
this.lay(this.whole(), { erase: true, colour: TINT });
const painted = [...this.step.tiles].filter(([, tile]) => tile.data.some(Boolean));
Object.assign(this.step, { tiles: new Map(painted), bytes: painted.reduce((sum, [, tile]) => sum + tile.data.length, 0) });
this.cover.fill(0);
this.end();
}

addMask(levels) {
this.begin("mask");
this.cover.set(levels);
this.lay(this.whole(), { erase: false });
this.cover.fill(0);
this.end();
}

setFrame(frame, by = null) {
if (Object.keys(frame).every((side) => frame[side] === this.frame[side])) return;
const step = { frame: this.frame, by, bytes: 0 };
this.frame = frame;
if (by && this.done.at(-1)?.by === by) {
this.undone = [];
this.changed();
} else this.push(step);
}

undo() {
return this.back(this.done, this.undone);
}

redo() {
return this.back(this.undone, this.done);
}

isSketched() {
if (!this.sketch) return false;
return [...this.tilesIn(this.whole())].some((tile) => new Uint32Array(this.readSketch(tile).data.buffer).some(Boolean));
}

back(from, to) {
const step = from.pop();
if (!step) return false;
this.swap(step);
to.push(step);
this.changed();
return true;
}

push(step) {
this.done.push(step);
this.undone = [];
let bytes = this.done.reduce((sum, one) => sum + one.bytes, 0);
while (this.done.length > 1 && (bytes > MOST_BYTES || this.done.length > MOST_STEPS)) bytes -= this.done.shift().bytes;
this.changed();
}

swap(step) {
if (step.frame) [this.frame, step.frame] = [step.frame, this.frame];
if (step.invert) {
for (let at = 0; at < this.mask.length; at++) this.mask[at] = 255 - this.mask[at];
this.showMask(this.whole());
}
for (const tile of step.tiles?.values() ?? []) {
const now = this.read(step.layer, tile);
if (step.layer === "mask") {
this.writeMask(tile);
this.showMask(tile);
} else this.colours().putImageData(new ImageData(tile.data, tile.right - tile.left, tile.bottom - tile.top), tile.left, tile.top);
tile.data = now;
}
this.seen(null);
}

* tilesIn({ left, top, right, bottom }) {
if (right <= left || bottom <= top) return;
for (let y = Math.floor(top / TILE) * TILE; y < bottom; y += TILE) {
for (let x = Math.floor(left / TILE) * TILE; x < right; x += TILE) {
yield { left: x, top: y, right: Math.min(x + TILE, this.width), bottom: Math.min(y + TILE, this.height) };
}
}
}

keptTile(tile) {
const { step } = this;
const key = `${tile.left} ${tile.top}`;
if (!step.tiles.has(key)) {
const kept = { ...tile, data: this.read(step.layer, tile) };
step.tiles.set(key, kept);
step.bytes += kept.data.length;
}
return step.tiles.get(key).data;
}

read(layer, tile) {
if (layer === "sketch") return this.readSketch(tile).data;
const across = tile.right - tile.left;
const data = new Uint8Array(across * (tile.bottom - tile.top));
for (let y = tile.top, at = 0; y < tile.bottom; y++, at += across) data.set(this.mask.subarray(y * this.width + tile.left, y * this.width + tile.right), at);
return data;
}

readSketch({ left, top, right, bottom }) {
return this.colours().getImageData(left, top, right - left, bottom - top);
}

writeMask({ left, top, right, bottom, data }) {
const across = right - left;
for (let y = top, at = 0; y < bottom; y++, at += across) this.mask.set(data.subarray(at, at + across), y * this.width + left);
}

layMask(before, tile, part, erase) {
const across = tile.right - tile.left;
for (let y = part.top; y < part.bottom; y++) {
let from = (y - tile.top) * across + part.left - tile.left;
for (let at = y * this.width + part.left; at < y * this.width + part.right; at++, from++) {
const was = before[from];
this.mask[at] = Math.round(erase ? (was * (255 - this.cover[at])) / 255 : was + ((255 - was) * this.cover[at]) / 255);
}
}
}

laySketch(before, tile, part, erase, [red, green, blue]) {
const across = tile.right - tile.left;
const pixels = new ImageData(part.right - part.left, part.bottom - part.top);
for (let y = part.top, to = 0; y < part.bottom; y++) {
let from = ((y - tile.top) * across + part.left - tile.left) * 4;
for (let at = y * this.width + part.left; at < y * this.width + part.right; at++, from += 4, to += 4) {
const covered = this.cover[at] / 255;
const under = (before[from + 3] / 255) * (1 - covered);
const over = erase ? 0 : covered;
const alpha = over + under;
if (alpha === 0) continue;
pixels.data[to] = (red * over + before[from] * under) / alpha;
pixels.data[to + 1] = (green * over + before[from + 1] * under) / alpha;
pixels.data[to + 2] = (blue * over + before[from + 2] * under) / alpha;
pixels.data[to + 3] = alpha * 255;
}
}
this.colours().putImageData(pixels, part.left, part.top);
}

showMask({ left, top, right, bottom }) {
if (right <= left || bottom <= top) return;
const pixels = new ImageData(right - left, bottom - top);
const whole = new Uint32Array(pixels.data.buffer);
for (let y = top, to = 0; y < bottom; y++) for (let at = y * this.width + left; at < y * this.width + right; at++, to++) whole[to] = TINTS[this.mask[at]];
this.tint.getContext("2d", { willReadFrequently: true }).putImageData(pixels, left, top);
}

uncover(left, top, right, bottom) {
for (let y = top; y < bottom; y++) this.cover.fill(0, y * this.width + left, y * this.width + right);
}

colours() {
this.sketch ??= canvasOf(this.width, this.height);
return this.sketch.getContext("2d", { willReadFrequently: true });
}
}

function canvasOf(width, height) {
const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [width, height];
return canvas;
}

function tints() {
const pixels = new Uint8ClampedArray(256 * 4);
for (let level = 0; level < 256; level++) pixels.set([...TINT, level * SEEN], level * 4);
return new Uint32Array(pixels.buffer);
}
return { Layers, canvasOf };
})();

const $files = (() => {

const { blobOf } = $pictures;
const { canvasOf } = $layers;

const BLOCK = 4;
const SOFT_PART = 1 / 2000;
const [BLACK, WHITE, HALF] = [24, 231, 128]; // as the server takes a mask's levels
const GREYISH = 48;

function pixelsOf(bitmap, width, height) {
const canvas = canvasOf(width, height);
const drawn = canvas.getContext("2d", { willReadFrequently: true });
drawn.imageSmoothingQuality = "high";
drawn.drawImage(bitmap, 0, 0, width, height);
const { data } = drawn.getImageData(0, 0, width, height);
canvas.width = canvas.height = 1;
return data;
}

function levelsOf(pixels) {
const holes = holesOf(pixels);
if (!holes) return brightnessOf(pixels);
return isStrokes(pixels) ? holes.map((hole) => 255 - hole) : holes;
}

function brightnessOf(pixels) {
const levels = new Uint8Array(pixels.length / 4);
const each = (level) => { for (let at = 0, from = 0; at < levels.length; at++, from += 4) levels[at] = level(pixels[from], pixels[from + 1], pixels[from + 2]); };
let coloured = false;
each((red, green, blue) => {
coloured ||= Math.max(red, green, blue) - Math.min(red, green, blue) >= GREYISH;
return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
});
if (coloured) each((red, green, blue) => (Math.max(red, green, blue) >= HALF ? 255 : 0));
return levels;
}

function isStrokes(pixels) {
let [hole, seen] = [false, false];
for (let from = 0; from < pixels.length; from += 4) {
if (pixels[from + 3] < HALF) hole = true;
else if (Math.min(pixels[from], pixels[from + 1], pixels[from + 2]) < WHITE) return false;
else seen = true;
}
return hole && seen;
}

function holesOf(pixels) {
const levels = new Uint8Array(pixels.length / 4);
let any = false;
for (let at = 0, from = 3; at < levels.length; at++, from += 4) {
levels[at] = 255 - pixels[from];
any ||= levels[at] > 0;
}
return any ? levels : null;
}

async function maskFile(mask, across, { left, top, right, bottom }, exact = false) {
const [width, height] = [right - left, bottom - top];
const levels = new Uint8Array(width * height);
for (let y = 0; y < height; y++) levels.set(mask.subarray((top + y) * across + left, (top + y) * across + right), y * width);
const soft = exact || isSoft(levels, width, height);
const pixels = new ImageData(width, height);
let painted = false;
for (let at = 0, to = 0; at < levels.length; at++, to += 4) {
const value = soft ? levels[at] : levels[at] >= HALF ? 255 : 0;
pixels.data[to] = pixels.data[to + 1] = pixels.data[to + 2] = value;
pixels.data[to + 3] = 255;
painted ||= value > 0;
}
const file = painted ? await fileFrom(width, height, (drawn) => drawn.putImageData(pixels, 0, 0)) : null;
return { file, hardened: !soft && fades(levels, width, height) };
}

function flatFile(pictures, whole, { left, top, right, bottom }, { kind = "image/png", times = 1 } = {}) {
const size = [right - left, bottom - top].map((side) => Math.max(1, Math.round(side * times)));
return fileFrom(...size, (drawn) => {
drawn.imageSmoothingQuality = "high";
for (const picture of pictures) if (picture) drawn.drawImage(picture, -left * times, -top * times, whole.width * times, whole.height * times);
}, kind);
}

async function fileFrom(width, height, draw, kind = "image/png") {
const canvas = canvasOf(width, height);
draw(canvas.getContext("2d", { willReadFrequently: true }));
const file = await blobOf(canvas, kind, 0.95);
canvas.width = canvas.height = 1;
return file;
}

function isSoft(levels, width, height) {
if (Math.max(width, height) < 2 * BLOCK) return false;
let [grey, blocks] = [0, 0];
for (let top = 0; top < height; top += BLOCK) {
for (let left = 0; left < width; left += BLOCK) {
blocks += 1;
grey += isGrey(levels, width, left, top, Math.min(width, left + BLOCK), Math.min(height, top + BLOCK)) ? 1 : 0;
}
}
return grey > blocks * SOFT_PART;
}

function isGrey(levels, width, left, top, right, bottom) {
for (let y = top; y < bottom; y++) {
for (let at = y * width + left; at < y * width + right; at++) if (levels[at] <= BLACK || levels[at] >= WHITE) return false;
}
return true;
}

function fades(levels, width, height) {
for (let y = 1; y < height - 1; y++) {
for (let x = 1, at = y * width + 1; x < width - 1; x++, at++) {
if (levels[at] > BLACK && levels[at] < WHITE && isGrey(levels, width, x - 1, y - 1, x + 2, y + 2)) return true;
}
}
return false;
}
return { pixelsOf, levelsOf, holesOf, maskFile, flatFile };
})();

const $keeping = (() => {

const { control } = $controls;
const { change } = $form;
const { numberIn } = $numbers;
const { longestSide } = $size;
const { flatFile, holesOf, levelsOf, maskFile, pixelsOf } = $files;
const { cropBox, framedSize, SIDES } = $frame;
const { Layers } = $layers;

const SNAP = 8;

async function prepared(state, seen, changed) {
const plain = state.source.work ?? state.source;
const base = await createImageBitmap(plain.blob);
const layers = new Layers(base.width, base.height, seen, changed);
const mask = state.source.levels ?? (state.source.work ? state.source.work.mask : state.mask);
if (mask) {
const bitmap = await createImageBitmap(mask);
layers.setMask(levelsOf(pixelsOf(bitmap, base.width, base.height)));
bitmap.close();
}
if (plain.sketch) {
const bitmap = await createImageBitmap(plain.sketch);
layers.setSketch(bitmap);
bitmap.close();
}
layers.frame = Object.fromEntries(SIDES.map((side) => [side, -(plain.crop?.[side] ?? 0)]));
const one = { state, plain, base, layers };
const [factor, margins] = [timesLarger(one), Object.fromEntries(SIDES.map((side) => [side, marginNow(side)]))];
layers.frame = Object.fromEntries(SIDES.map((side) => [side, Math.round(margins[side] / factor) + layers.frame[side]]));
const holes = plain.blob.type === "image/jpeg" ? null : holesOf(pixelsOf(base, base.width, base.height));
return { ...one, holes, opened: { frame: layers.frame, factor } };
}

const marginNow = (side) => numberIn(control(`extend.${side}`).value) || 0;

function timesLarger(one, least = false) {
const { width, height } = sizeOf(cropBox(one.layers));
const asked = { width: numberIn(control("width").value), height: numberIn(control("height").value) };
return asked.width ? asked.width / width : asked.height ? asked.height / height : least ? 1 : finer(one);
}

function finer({ state: { source }, plain, layers }) {
if (!source.whole || !isCropped(layers)) return 1;
const most = longestSide() - (SIDES.some((side) => layers.frame[side] > 0) ? SNAP : 0);
return Math.max(1, Math.min(plain.from.width / layers.width, most / Math.max(...framedSize(layers))));
}

const sizeOf = ({ left, top, right, bottom }) => ({ width: right - left, height: bottom - top });
const isCropped = ({ frame }) => SIDES.some((side) => frame[side] < 0);

async function made(one) {
const { state, plain, base, layers } = one;
const [whole, box] = [layers.whole(), cropBox(layers)];
const [sketched, cropped, size] = [layers.isSketched(), isCropped(layers), sizeOf(box)];
const { file: mask, hardened } = await maskFile(layers.mask, layers.width, box);
const source = { ...state.source, blob: plain.blob, ...size, from: cropped ? null : plain.from, work: null };
source.levels = hardened ? (await maskFile(layers.mask, layers.width, whole, true)).file : null;
if (sketched || cropped) {
const kind = plain.blob.type === "image/jpeg" ? "image/jpeg" : "image/png";
const times = finer(one);
const fine = times > 1 ? await createImageBitmap(source.whole) : base;
[source.width, source.height] = [size.width, size.height].map((side) => Math.round(side * times));
source.blob = await flatFile([fine, layers.sketch], layers, box, { kind, times });
if (fine !== base) fine.close();
source.work = {
blob: plain.blob, width: layers.width, height: layers.height, from: plain.from, sketch: sketched ? await flatFile([layers.sketch], layers, whole) : null,
mask: cropped ? (await maskFile(layers.mask, layers.width, whole)).file : mask, crop: Object.fromEntries(SIDES.map((side) => [side, Math.max(0, -layers.frame[side])])),
};
}
return { source, mask, hardened };
}

function marginsOf(one) {
const { layers: { frame }, opened } = one;
const factor = timesLarger(one);
const margin = (side) => Math.round((Math.max(0, frame[side]) * factor) / SNAP) * SNAP;
return Object.fromEntries(SIDES.map((side) => [side, factor === opened.factor && frame[side] === opened.frame[side] ? marginNow(side) : margin(side)]));
}

function set(name, value) {
if (control(name) && numberIn(control(name).value) !== value && control(name).value !== value) change(name, value);
}

function settle({ width, height }) {
for (const side of SIDES) set(`extend.${side}`, "");
for (const part of ["scale", "strength", "steps", "upscaler"]) set(`hires.${part}`, "");
const said = ["width", "height"].map((name) => numberIn(control(name).value));
if (said[0] !== width || said[1] !== height) for (const name of ["width", "height"]) set(name, "");
}
return { prepared, timesLarger, made, marginsOf, set, settle };
})();

const $turns = (() => {

const { entryOf, fileOf, gallery, rowOf, sourceOf, thumbsOf } = $collection;
const { freshId } = $database;
const { all, byId, make, show } = $dom;
const { t } = $i18n;
const { scaled } = $pictures;
const { longestSide } = $size;
const { levelsOf, pixelsOf } = $files;
const { canvasOf } = $layers;

const SIDE = 112;
const GRAIN = 24;
const DIM = 0.5;
const MOST = 0.6;
let now = null;
let original = null;
let go = () => {};
let round = 0;
const known = new Map();

const begun = (id = freshId()) => ({ talk: id, of: id });

const turnOf = ({ id }) => ({ talk: rowOf({ id })?.turn?.talk ?? id, of: id });

const hasBefore = () => Boolean(now && now.of !== now.talk && rowOf({ id: now.of })?.turn);

const turns = () => gallery().filter(({ turn }) => turn?.talk === now.talk).reverse();

function startTurns(onGo) {
go = onGo;
byId("canvas-turn-list").addEventListener("keydown", (event) => {
const buttons = all("button", byId("canvas-turn-list"));
const at = buttons.indexOf(document.activeElement);
const to = { ArrowUp: at - 1, ArrowLeft: at - 1, ArrowDown: at + 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
if (to === undefined) return;
event.preventDefault();
buttons[Math.max(0, Math.min(buttons.length - 1, to))].focus();
});
}

function useTurns(source) {
now = source.turn;
if (now.of === now.talk && !(original?.talk === now.talk)) original = { talk: now.talk, source };
return showTurns();
}

function dropTurns() {
now = original = null;
known.clear();
byId("canvas-turn-list").replaceChildren();
}

async function showTurns() {
if (!now) return;
const own = ++round;
const made = turns();
const ids = [now.talk, ...made.map(({ id }) => id)];
for (const id of made.length ? ids : []) {
if (!known.has(id)) known.set(id, await told(id));
if (own !== round || !now) return;
}
const focused = document.activeElement?.dataset.turn;
byId("canvas-turn-list").replaceChildren(...(made.length ? ids.map((id, n) => item(id, n, ids)) : []));
show(byId("canvas-turns"), made.length > 0);
const buttons = all("button", byId("canvas-turn-list"));
buttons.find((button) => button.dataset.turn === focused)?.focus();
buttons.find((button) => button.ariaCurrent)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function item(id, n, ids) {
const { canvas, sentence, place } = known.get(id);
const from = ids.indexOf(rowOf({ id })?.turn?.of);
const said = [place && t(`canvas.place.${place}`), n > 1 && from >= 0 && from !== n - 1 ? (from ? t("canvas.turn.from", { n: from }) : t("canvas.turn.first")) : ""].filter(Boolean).join(", ");
const words = make("span", { className: "turn-words" }, make("span", { className: "turn-said", dir: "auto" }, n ? `${n}. ${sentence}` : t("canvas.turn.begin")), make("span", { className: "hint" }, said));
const button = make("button", { type: "button", className: "turn", "data-turn": id, title: sentence, tabIndex: id === now.of || (n === 0 && !ids.includes(now.of)) ? 0 : -1, onclick: () => go(id) }, canvas, words);
if (id === now.of) button.setAttribute("aria-current", "true");
return make("li", {}, button);
}

async function told(id) {
const row = rowOf({ id });
const entry = row && (await entryOf(row));
const blob = row ? (await thumbsOf([row]))[0] : id === now?.talk ? await beginning() : null;
const place = !entry?.turn ? { name: null } : await placeIn(entry);
return { canvas: await smallPicture(blob, place), sentence: sentenceOf(entry), place: place.name };
}

const sentenceOf = (entry) => entry?.meta.assisted?.wish ?? entry?.meta.prompt ?? "";

async function smallPicture(blob, { levels = null, inner = null }) {
const canvas = make("canvas", { "aria-hidden": "true" });
canvas.width = canvas.height = SIDE;
const bitmap = blob && (await createImageBitmap(blob).catch(() => null));
if (!bitmap) return canvas;
const factor = SIDE / Math.max(bitmap.width, bitmap.height);
const [width, height] = [bitmap.width * factor, bitmap.height * factor];
const box = [(SIDE - width) / 2, (SIDE - height) / 2, width, height];
const drawn = canvas.getContext("2d");
drawn.imageSmoothingQuality = "high";
drawn.drawImage(bitmap, ...box);
bitmap.close();
if (levels) {
const shade = canvasOf(GRAIN, GRAIN);
const pixels = new ImageData(GRAIN, GRAIN);
levels.forEach((level, at) => { pixels.data[at * 4 + 3] = (255 - level) * DIM; });
shade.getContext("2d").putImageData(pixels, 0, 0);
drawn.drawImage(shade, ...box);
} else if (inner) {
drawn.fillStyle = `rgb(0 0 0 / ${DIM})`;
drawn.fillRect(box[0] + inner.left * width, box[1] + inner.top * height, inner.width * width, inner.height * height);
}
return canvas;
}

async function placeIn({ meta, width, height }) {
const mask = await sourceOf(meta.mask);
if (!mask) return meta.extend ? { name: "beyond", inner: within(meta.extend, width, height) } : { name: "all" };
const bitmap = await createImageBitmap(mask);
const levels = levelsOf(pixelsOf(bitmap, GRAIN, GRAIN));
bitmap.close();
let [sum, across, down] = [0, 0, 0];
levels.forEach((level, at) => { sum += level; across += level * (at % GRAIN); down += level * Math.floor(at / GRAIN); });
if (sum > MOST * 255 * levels.length) return { name: "most", levels };
const third = (value) => Math.min(2, Math.floor((3 * (value / (sum || 1) + 0.5)) / GRAIN));
return { name: `${["top", "middle", "bottom"][third(down)]}.${["left", "middle", "right"][third(across)]}`, levels };
}

function within({ left = 0, top = 0, right = 0, bottom = 0 }, width, height) {
return { left: left / width, top: top / height, width: Math.max(0, 1 - (left + right) / width), height: Math.max(0, 1 - (top + bottom) / height) };
}

async function beginning() {
if (original?.talk === now.talk) return (original.source.work ?? original.source).blob;
const first = turns().find(({ turn }) => turn.of === now.talk);
const entry = first && (await entryOf(first));
return entry && (entry.turn.work?.blob ?? sourceOf(entry.meta.img));
}

async function stateOf(id) {
const turn = { talk: now.talk, of: id };
if (id === original?.talk && !rowOf({ id })) {
const { source } = original;
return { source: { ...source, ...(source.work && { blob: source.work.blob, width: source.work.width, height: source.work.height, from: source.work.from, work: null }), levels: null, turn }, mask: null, extend: {}, sentence: "" };
}
const row = rowOf({ id });
const file = row ? await fileOf(row) : id === now.talk ? await beginning() : null;
if (!file) return null;
const made = await scaled(file, longestSide());
return { source: { ...made, name: t("source.result"), whole: made.from && file, turn }, mask: null, extend: {}, sentence: sentenceOf(row && (await entryOf(row))) };
}

async function requestOf(id) {
const entry = await entryOf({ id });
if (!entry) return null;
const { meta, turn } = entry;
const [img, mask] = await Promise.all([sourceOf(meta.img), sourceOf(meta.mask)]);
if (!img) return null;
const first = turn.of === original?.talk ? { whole: original.source.whole, ...(!turn.work && { from: (original.source.work ?? original.source).from }) } : { whole: null };
return { source: { ...(await scaled(img, longestSide())), ...first, name: t("source.result"), work: turn.work ?? null, turn: { talk: turn.talk, of: turn.of } }, mask: mask ?? null, extend: meta.extend ?? {}, sentence: sentenceOf(entry) };
}

async function pictureBefore() {
const entry = await entryOf({ id: now.of });
const blob = entry && (await sourceOf(entry.meta.img));
return blob ? { blob, inner: within(entry.meta.extend ?? {}, entry.width, entry.height) } : null;
}
return { begun, turnOf, hasBefore, startTurns, useTurns, dropTurns, showTurns, stateOf, requestOf, pictureBefore };
})();

const $making = (() => {

const { byId, press, show, tell } = $dom;
const { t } = $i18n;
const { notice } = $notices;
const { orders, waiting, whenQueueChanges } = $queue;
const { takeBack } = $run;
const { hasBefore, pictureBefore } = $turns;

let turn = () => null;
let order = null;
let shown = null; // the picture that lies over the canvas's own
let before = false;

function startMaking(turnNow, goesOn) {
turn = turnNow;
whenQueueChanges(() => follow(goesOn()));
byId("canvas-cancel").addEventListener("click", () => {
if (order) takeBack(order);
byId("canvas-generate").focus();
});
byId("canvas-before").addEventListener("click", toggleBefore);
byId("canvas-paint").addEventListener("pointerdown", () => showOver(null));
}

function beginMaking(goesOn = false) {
showOver(null);
follow(goesOn);
}

function follow(goesOn) {
const now = turn();
const ended = order;
order = now && (orders().find((one) => one.wanted.turn?.talk === now.talk && ["running", "waiting"].includes(one.state)) ?? null);
if (!order && document.activeElement === byId("canvas-cancel")) byId("canvas-generate").focus();
show(byId("canvas-run"), Boolean(order));
show(byId("canvas-hint"), !order);
if (now && ended && ended !== order && ended.state === "failed") notice(ended.error, { about: "canvas", bad: true });
if (ended && ended !== order && !ended.made.length && !before) showOver(null);
if (!order) return;
byId("canvas-run-text").textContent = order.state === "running" ? order.said : ahead();
if (order.part === null) byId("canvas-progress").removeAttribute("value");
else byId("canvas-progress").value = order.part;
if (goesOn && !before && order.wanted.turn.of === now.of && !order.wanted.said.mask_padding) showOver(order.picture); // null: it isn't to be shown
}

function ahead() {
const n = waiting().indexOf(order) + (orders().some((one) => one.state === "running") ? 1 : 0);
return n ? t("run.queued", { n }) : t("run.next");
}

async function toggleBefore() {
if (before) return showOver(null), tell(t("canvas.after.now"));
const of = turn()?.of;
const found = hasBefore() ? await pictureBefore() : null;
if (!found || turn()?.of !== of) return undefined;
showOver(found.blob, found.inner);
before = true;
press(byId("canvas-before"), true);
return tell(t("canvas.before.now"));
}

function showOver(blob, inner = { left: 0, top: 0, width: 1, height: 1 }) {
if (blob === shown && !before) return;
const img = byId("canvas-preview");
if (img.src) URL.revokeObjectURL(img.src);
img.removeAttribute("src");
[shown, before] = [blob, false];
press(byId("canvas-before"), false);
if (blob) img.src = URL.createObjectURL(blob);
Object.assign(img.style, Object.fromEntries(Object.entries(inner).map(([side, part]) => [side, `${part * 100}%`])));
show(byId("canvas-over"), blob !== null);
byId("canvas-over").classList.toggle("was", inner.width < 1 || inner.height < 1);
}
return { startMaking, beginMaking, toggleBefore };
})();

const $placing = (() => {

const { byId, show } = $dom;
const { placeOf, redraw, scaleNow, toEasel } = $view;

const PART = 0.6; // of the canvas's sides, for one that is larger
const STEP = 0.02; // of the canvas's width, for the arrow keys
const LEAST = 8;
let layers = null;
let bitmap = null;
let place = null; // { x, y, width, height } in the picture's pixels
let done = () => {};

const isPlacing = () => bitmap !== null;

function startPlacing(isOpen, bring) {
startBringing(isOpen, bring);
const float = byId("canvas-float");
float.addEventListener("pointerdown", (event) => drag(event, float, (from, at) => moved(from.place, at.x - from.at.x, at.y - from.at.y)));
byId("canvas-float-size").addEventListener("pointerdown", (event) => drag(event, byId("canvas-float-size"), (from, at) => sized(from.place, (at.x - from.place.x) / from.place.width)));
float.addEventListener("keydown", byKeys);
byId("canvas-float-place").addEventListener("click", setDown);
byId("canvas-float-off").addEventListener("click", takeOff);
}

function startBringing(isOpen, bring) {
const pictureIn = (files) => [...(files ?? [])].find((one) => one.type.startsWith("image/"));
byId("canvas-bring").addEventListener("click", () => byId("canvas-file").click());
byId("canvas-file").addEventListener("change", (event) => {
const [file] = event.target.files;
event.target.value = "";
if (file) bring(file);
});
addEventListener("paste", (event) => {
const file = isOpen() && pictureIn(event.clipboardData?.files);
if (!file) return;
event.preventDefault();
bring(file);
});
byId("easel").addEventListener("dragover", (event) => event.preventDefault());
byId("easel").addEventListener("drop", (event) => {
event.preventDefault();
event.stopPropagation();
const file = pictureIn(event.dataTransfer?.files);
if (file) bring(file);
});
}

function floatPicture(found, of, onDone) {
setDown();
[bitmap, layers, done] = [found, of, onDone];
const scale = Math.min(1, (PART * of.width) / found.width, (PART * of.height) / found.height);
const [width, height] = [Math.max(1, found.width * scale), Math.max(1, found.height * scale)];
place = { x: (of.width - width) / 2, y: (of.height - height) / 2, width, height };
const canvas = byId("canvas-float-picture");
[canvas.width, canvas.height] = [Math.ceil(width), Math.ceil(height)];
const drawn = canvas.getContext("2d");
drawn.imageSmoothingQuality = "high";
drawn.drawImage(found, 0, 0, canvas.width, canvas.height);
show(byId("canvas-float"), true);
show(byId("canvas-float-acts"), true);
showFloat();
byId("canvas-float").focus();
}

function setDown() {
if (!bitmap) return;
layers.place(bitmap, place);
finish(true);
}

function takeOff() {
if (bitmap) finish(false);
}

function showFloat() {
if (!bitmap) return;
const { x, y } = toEasel(place);
Object.assign(byId("canvas-float").style, { left: `${x}px`, top: `${y}px`, width: `${place.width * scaleNow()}px`, height: `${place.height * scaleNow()}px` });
}

function finish(placed) {
bitmap.close();
bitmap = place = null;
const canvas = byId("canvas-float-picture");
canvas.width = canvas.height = 1;
show(byId("canvas-float"), false);
show(byId("canvas-float-acts"), false);
redraw(null);
done(placed);
}

function byKeys(event) {
const step = Math.max(1, layers.width * (event.shiftKey ? STEP * 4 : STEP));
const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
if (moves[event.key]) place = moved(place, ...moves[event.key]);
else if (event.code === "BracketRight" || event.code === "BracketLeft") place = sized(place, event.code === "BracketRight" ? 1.1 : 1 / 1.1);
else if (event.key === "Delete" || event.key === "Backspace") takeOff();
else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) setDown();
else return;
event.preventDefault();
event.stopPropagation();
showFloat();
}

function drag(event, handle, placed) {
if (event.button !== 0) return;
event.preventDefault();
event.stopPropagation();
byId("canvas-float").focus();
handle.setPointerCapture(event.pointerId);
const from = { place, at: placeOf(event) };
const move = (each) => {
if (!place) return;
place = placed(from, placeOf(each));
showFloat();
};
handle.addEventListener("pointermove", move);
handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), { once: true });
}

function moved({ x, y, width, height }, across, down) {
const within = (value, size, most) => Math.min(most - Math.min(LEAST, most), Math.max(Math.min(LEAST, size) - size, value));
return { x: within(x + across, width, layers.width), y: within(y + down, height, layers.height), width, height };
}

function sized({ x, y, width, height }, times) {
const factor = Math.max(times, LEAST / Math.min(width, height));
return { x, y, width: width * factor, height: height * factor };
}
return { isPlacing, startPlacing, floatPicture, setDown, takeOff, showFloat };
})();

const $drawer = (() => {

const { plansFirst } = $assistant;
const { rowOf, whenGalleryChanges } = $collection;
const { control } = $controls;
const { all, byId, openDialog, press, show, tell } = $dom;
const { change, setWithPicture } = $form;
const { inEveryLanguage, number, t } = $i18n;
const { notice } = $notices;
const { startStepping } = $numbers;
const { asked, run } = $run;
const { longestSide } = $size;
const { markSource, restoreSource, sourceState, takeSource } = $source;
const { undoToNow } = $undo;
const { pointAt, rest, startKeys, useKeys } = $bykeys;
const { framedSize, showFrame, SIDES, startFrame, useFrame } = $frame;
const { letGo, startHands } = $hands;
const { made, marginsOf, prepared, set, settle, timesLarger } = $keeping;
const { beginMaking, startMaking, toggleBefore } = $making;
const { floatPicture, isPlacing, setDown, showFloat, startPlacing } = $placing;
const { abort, dropTools, end, isDrawing, outline, showBrush, SIZES, startTools, takeTool, toolNow, useTools } = $tools;
const { begun, dropTurns, hasBefore, requestOf, showTurns, startTurns, stateOf, turnOf, useTurns } = $turns;
const { fit, hidePicture, redraw, refit, scaleNow, showFor, showPicture, zoom } = $view;

const SOON = 800;
const FIXING = 0.75;
const CLOSER = 1.25;
let open = null;
let opening = false;
const left = new Map();
let undone = [];
let going = Promise.resolve();

async function openCanvas(mode = "mask", undo = undoToNow()) {
if (!sourceState().source || open || opening) return;
opening = true;
if (!sourceState().source.turn) await markSource(begun());
if (await lay(sourceState(), { undo, mode })) byId("canvas-paint").focus();
}

async function openResult(entry, file, mode) {
const undo = undoToNow();
if (!(await takeSource(file, t("source.result"), { quiet: true }))) return;
set("prompt", entry.meta.prompt || control("prompt").value);
settle(entry);
set("strength", mode === "mask" ? FIXING : "");
await restoreSource({ source: { ...sourceState().source, turn: turnOf(entry) }, mask: null });
await openCanvas(mode, undo);
}

async function lay(state, { undo, mode, pending = null, touched = false }) {
const before = open;
opening = pending === null;
let ready;
try {
ready = await prepared(state, redraw, changed);
} catch {
notice(t("source.broken"), { about: "canvas", bad: true });
return false;
} finally {
opening = false;
}
if (open !== before || before?.closing || (pending && isBusy(before))) {
drop(ready);
return false;
}
if (before) putAway(before);
open = { ...ready, undo, pending, painted: false, asked: false, touched, dirty: false, hardened: Boolean(state.source.levels), timer: 0, keeping: Promise.resolve(), closing: false };
const { base, layers } = open;
if (pending) layers.frame = open.opened.frame = { left: 0, top: 0, right: 0, bottom: 0 };
openDialog(byId("canvas-dialog"));
useTools(base, layers, before !== null);
useKeys(layers);
useFrame(layers, (least) => timesLarger(open, least), reframed);
showPicture(base, layers, moved);
byId("canvas-prompt").value = control("prompt").value.replace(/\s*\n\s*/g, " ");
show(byId("canvas-holes"), open.holes !== null);
show(byId("canvas-before"), false);
setMode(mode);
useTurns(state.source);
show(byId("canvas-before"), hasBefore());
beginMaking();
describe();
refit();
return true;
}

function changed() {
if (!open) return;
open.touched = open.dirty = open.painted = true;
undone = [];
clearTimeout(open.timer);
const one = open;
one.timer = setTimeout(() => keepNow().catch(() => { one.dirty = true; }), SOON);
beginMaking();
reframed();
}

function keepNow() {
clearTimeout(open.timer);
const one = open;
if (one.dirty) one.keeping = one.keeping.catch(() => {}).then(() => keep(one));
one.dirty = false;
return one.keeping;
}

async function keep(one) {
if (one.pending) await begin(one);
const { source, mask, hardened } = await made(one);
const before = sourceState().source;
await restoreSource({ source, mask });
if (before.width !== source.width || before.height !== source.height) setWithPicture({ width: source.width, height: source.height }, true);
for (const [side, margin] of Object.entries(marginsOf(one))) set(`extend.${side}`, margin || "");
if (hardened && !one.hardened) tell(t("canvas.hint.hard"));
one.hardened = hardened;
showHint();
}

async function begin(one) {
const extended = SIDES.some((side) => control(`extend.${side}`).value > 0);
settle(one.pending);
if (extended && !control("strength").value) set("strength", FIXING);
one.pending = null;
await restoreSource(one.state);
}

async function generate() {
const one = open;
if (one.closing) return;
if (one.pending) one.dirty = true;
try {
await keepAll();
} catch {
return;
}
if (one !== open || one.closing) return;
one.painted = false; // what is painted from here on isn't asked for
if (plansFirst() || (await asked(true)) === null) return void finish(true);
one.asked = true;
left.delete(one.state.source.turn.of);
undone = [];
run();
}

async function arrive(row) {
await showTurns();
const one = open;
const turn = one?.state.source.turn;
if (!one?.asked || one.closing || opening || row?.turn?.talk !== turn.talk || row.turn.of !== turn.of) return;
const state = isBusy(one) ? null : await stateOf(row.id);
if (!state || one !== open) return;
const typed = document.activeElement === byId("canvas-prompt") && byId("canvas-prompt");
if (!(await lay(state, { undo: one.undo, mode: one.mode, pending: row, touched: one.touched }))) return;
if (typed && typed.value === state.sentence) typed.select();
else if (document.activeElement === document.body) byId("canvas-paint").focus();
}

const isBusy = (one) => one.painted || isDrawing() || isPlacing();

async function goTo(state, sentence = state?.sentence) {
const one = open;
if (!one || one.closing || opening) return false;
if (!state) return void notice(t("gallery.lost"), { about: "gallery", bad: true });
try {
await keepAll();
} catch {
return false;
}
if (one.painted || one.asked) left.set(one.state.source.turn.of, { ...sourceState(), extend: marginsOf(one), sentence: byId("canvas-prompt").value });
opening = true;
const { source, mask, extend } = state;
if (rowOf({ id: source.turn.of })) settle(source);
for (const side of SIDES) set(`extend.${side}`, extend[side] || "");
if (sentence) set("prompt", sentence);
await restoreSource({ source, mask }).finally(() => { opening = false; });
return open === one && lay(sourceState(), { undo: one.undo, mode: one.mode, touched: true });
}

async function goToTurn(id) {
if (!open || id === open.state.source.turn.of || !(await goTo(left.get(id) ?? (await stateOf(id))))) return;
undone = [];
describe();
byId("canvas-turn-list").querySelector(`[data-turn="${id}"]`)?.focus();
}

async function undoTurn() {
const id = open.state.source.turn.of;
if (!(await goTo(await requestOf(id)))) return;
open.painted = true; // it isn't left without being kept
undone.push(id);
describe();
tell(t("canvas.turn.undone"));
}

async function finish(generates = false) {
if (!open || open.closing) return;
const one = open;
one.closing = true;
try {
await keepAll();
} catch {
one.closing = false;
return;
}
byId("canvas-dialog").close();
release();
if (generates) byId("generate").click();
else if (one.touched) notice(t("canvas.kept"), { about: "canvas", action: one.undo });
}

async function keepAll() {
const one = open;
try {
let kept;
do {
setDown();
end();
kept = keepNow();
await kept;
} while (one.dirty || one.keeping !== kept);
} catch (error) {
one.dirty = true;
notice(t("canvas.unkept"), { about: "canvas", bad: true });
throw error;
}
}

async function release() {
const one = open;
if (!one || byId("canvas-dialog").open) return;
if (!one.closing) {
one.closing = true;
await keepAll().catch(() => {});
}
open = null;
putAway(one);
dropTools();
hidePicture();
dropTurns();
beginMaking();
left.clear();
undone = [];
}

function putAway(one) {
clearTimeout(one.timer);
letGo();
drop(one);
}

function drop({ base, layers }) {
base.close();
layers.release();
}

function setMode(mode) {
end();
setDown();
open.mode = mode;
if (mode !== "frame") toolNow().layer = mode;
if (toolNow().kind === "pick" && mode === "mask") takeTool("brush");
byId("canvas-dialog").dataset.now = mode;
for (const button of all("[data-mode]")) press(button, button.dataset.mode === mode);
for (const part of all("[data-in]", byId("canvas-dialog"))) part.classList.toggle("away", !part.dataset.in.split(" ").includes(mode));
rest();
showHint();
showFor({ wide: mode === "frame", faint: mode !== "mask" });
showBrush(null);
reframed();
}

function showHint() {
if (open) byId("canvas-hint").textContent = t(`canvas.hint.${open.mode === "mask" && open.hardened ? "hard" : open.mode}`);
}

function moved() {
showFrame();
showFloat();
outline();
showBrush(null);
byId("canvas-scale").textContent = t("canvas.scale", { n: number(scaleNow() * devicePixelRatio * 100, 0) });
}

function reframed() {
showFrame();
describe();
}

function describe() {
if (!open) return;
const { layers, plain } = open;
const steps = { undo: layers.done.length || hasBefore(), redo: layers.undone.length || undone.length };
for (const [id, some] of Object.entries(steps)) byId(`canvas-${id}`).setAttribute("aria-disabled", String(!some));
const [width, height] = framedSize(layers);
const [from_width, from_height] = [plain.from?.width, plain.from?.height];
byId("canvas-about").textContent = [t("canvas.size.out", { width, height }), plain.from ? t("canvas.from", { from_width, from_height }) : ""].filter(Boolean).join(", ");
}

const inOrder = (act) => (going = going.catch(() => {}).then(() => (open ? act() : undefined)));

function undo(back) {
if (isDrawing()) return abort();
return inOrder(() => step(back));
}

function step(back) {
if (open.layers[back ? "undo" : "redo"]()) tell(t(back ? "canvas.undone" : "canvas.redone"));
else if (back && hasBefore()) return undoTurn();
else if (!back && undone.length) return redoTurn();
return refit();
}

async function redoTurn() {
const [id, others] = [undone.at(-1), undone.slice(0, -1)];
if (await goTo(await stateOf(id))) undone = others;
describe();
}

function escape() {
const keys = byId("canvas-keys");
if (keys.open) {
keys.open = false;
keys.querySelector("summary").focus();
} else if (isDrawing()) toolNow().kind === "brush" ? end() : abort();
else if (isPlacing()) setDown();
else finish();
}

async function bring(file) {
let bitmap;
try {
bitmap = await createImageBitmap(file);
} catch {
return void notice(t("source.not"), { about: "canvas", bad: true });
}
if (!open) return bitmap.close();
setMode("sketch");
floatPicture(bitmap, open.layers, (placed) => {
tell(t(placed ? "canvas.float.placed" : "canvas.float.gone"));
byId("canvas-paint").focus();
});
return tell(t("canvas.float"));
}

function startButtons() {
const act = (id, what) => byId(id).addEventListener("click", () => open && what());
const told = (key, what) => () => { what(); tell(t(key)); };
act("canvas-undo", () => undo(true));
act("canvas-redo", () => undo(false));
act("canvas-close", finish);
act("canvas-done", () => finish());
act("canvas-generate", () => inOrder(generate));
act("canvas-in", () => zoom(CLOSER));
act("canvas-out", () => zoom(1 / CLOSER));
act("canvas-fit", fit);
act("canvas-invert", told("canvas.inverted", () => open.layers.invert()));
act("canvas-clear", told("canvas.cleared", () => open.layers.clear(open.mode)));
act("canvas-holes", told("canvas.painted", () => open.layers.addMask(open.holes)));
byId("easel").addEventListener("pointerdown", () => { byId("canvas-keys").open = false; });
for (const button of all("[data-mode]")) button.addEventListener("click", () => open && setMode(button.dataset.mode));
byId("canvas-prompt").addEventListener("input", (event) => change("prompt", event.target.value));
startStepping(byId("canvas-dialog").querySelector(".canvas-tools"), ({ id }) => (id === "canvas-size" ? { from: SIZES.from, min: SIZES.from, max: SIZES.most } : { from: 0, min: id === "canvas-feather" ? 0 : -longestSide(), max: id === "canvas-feather" ? 100 : longestSide() }));
}

function start() {
const dialog = byId("canvas-dialog");
const draws = () => open !== null && !opening && open.mode !== "frame" && !isPlacing();
startTools();
startFrame();
startPlacing(() => open !== null, bring);
startHands(draws, pointAt);
startKeys({ undo: () => undo(true), redo: () => undo(false), generate: () => inOrder(generate), before: toggleBefore, escape, draws });
startTurns((id) => inOrder(() => goToTurn(id)));
startMaking(() => open?.state.source.turn ?? null, () => Boolean(open?.asked && !open.painted));
whenGalleryChanges(({ added, made: here }) => { inOrder(() => arrive(here ? added[0] : null)); });
startButtons();
dialog.addEventListener("cancel", (event) => {
if (event.target !== dialog) return;
event.preventDefault();
finish();
});
dialog.addEventListener("close", release);
new ResizeObserver(() => { if (open) refit(); }).observe(byId("easel"));
inEveryLanguage(() => { if (open) { setMode(open.mode); showTurns(); } });
}

start();
return { openCanvas, openResult };
})();
return $drawer;
};
