'use strict';
(() => {
const $ = id => document.getElementById(id);
const facts = JSON.parse($('facts').textContent);
const thin = n => String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');

// ---- Data: base64 to typed arrays
function bytes(text) {
  const raw = atob(text), found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}
function array(name, Type) {
  const element = $('array-' + name);
  return element && new Type(bytes(element.textContent).buffer);
}
const xy = array('xy', Float32Array), classes = array('classes', Int32Array), chosen = array('chosen', Uint8Array), near = array('near', Int32Array), aspects = array('aspects', Float32Array);
const nameOf = i => facts.names ? facts.names[i] : `${facts.thing} ${i}`;
const clusterName = k => k < 0 ? 'no cluster' : 'cluster ' + clusters[k];

// ---- Levels: the clusters may be shown in several sizes; one level is in force
const levels = facts.levels.map((l, j) => ({...l, end: j === facts.level ? '' : '-' + j}));
function unpack(j) {
  const l = levels[j];
  l.labels ??= array('labels' + l.end, Int32Array); l.strength ??= array('strength' + l.end, Float32Array); l.order ??= array('order' + l.end, Int32Array);
  return l;
}
let {labels, strength, order, clusters} = unpack(facts.level);
// Of very many points the page has some; sizes are those of all
const sizeOf = g => (g.title === 'cluster' ? levels[state.level].sizes : facts.classSizes)?.at(g.k) ?? g.members.length;
const sampled = facts.total > facts.n;

// ---- Groups: the clusters or the classes, each with its members, typical first
function makeGroups(codes, names, title) {
  const found = new Map();
  for (const i of order) {
    const k = codes[i];
    if (!found.has(k)) found.set(k, []);
    found.get(k).push(i);
  }
  return [...found].sort((a, b) => a[0] - b[0]).map(([k, members]) => ({
    k, members, name: k < 0 ? 'in no cluster' : names[k], short: k < 0 ? '' : String(names[k]).slice(0, 14),
    colour: k < 0 ? null : facts.palette[k % facts.palette.length], symbol: k < 0 ? 'circle' : facts.symbols[k % facts.symbols.length], title,
  }));
}
const groupings = {cluster: makeGroups(labels, clusters, 'cluster')};
function groups() {
  if (state.by === 'class' && !groupings.class) groupings.class = makeGroups(classes, facts.classes, 'class');
  return groupings[state.by];
}
const state = {by: 'cluster', only: null, at: -1, pinned: false, level: facts.level};

// ---- Pictures: tiles on sheets, which are decoded when needed, the last few kept. Sheets are in the page or in a folder next to it
const slotOf = new Int32Array(facts.n).fill(-1);
if (facts.pictures) { let slot = 0; for (const i of order) if (!chosen || chosen[i]) slotOf[i] = slot++; }
function store(about, elements) { return about && {...about, elements: document.getElementsByClassName(elements), kept: new Map(), most: Math.max(8, Math.round(3e7 / (about.perFile * about.width * about.height)))}; }
const thumbs = store(facts.tile, 'tiles'), larges = store(facts.large, 'larges');
function sheet(from, f) {
  let found = from.kept.get(f);
  from.kept.delete(f);
  if (!found && from.folder) {
    const picture = new Image();
    picture.src = './' + from.folder.split('/').map(encodeURIComponent).join('/') + `/${from.prefix}${f}.jpg`;
    found = picture.decode().then(() => picture, () => null);
  }
  found ??= createImageBitmap(new Blob([bytes(from.elements[f].textContent)], {type: from.kind}));
  from.kept.set(f, found);
  if (from.kept.size > from.most) from.kept.delete(from.kept.keys().next().value);
  return found;
}
async function draw(canvas, i, from = thumbs) {
  const slot = slotOf[i];
  canvas.dataset.i = i;
  if (slot < 0) { canvas.hidden = true; return false; }
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height); // Rather nothing than the one before
  const picture = await sheet(from, Math.floor(slot / from.perFile)), j = slot % from.perFile;
  if (canvas.dataset.i !== String(i)) return false; // The mouse has moved on
  if (!picture) { canvas.hidden = true; missing(); return false; }
  const shape = from === larges && aspects ? aspects[slot] : 1; // Thumbnails are cut square
  canvas.width = Math.max(1, Math.round(from.width * Math.min(1, shape))); canvas.height = Math.max(1, Math.round(from.height / Math.max(1, shape)));
  canvas.classList.toggle('pixelated', Math.max(from.width, from.height) <= 32);
  canvas.getContext('2d').drawImage(picture, -(j % from.columns) * from.width, -Math.floor(j / from.columns) * from.height);
  canvas.hidden = false;
  return true;
}
function missing() { if ($('missing')) $('missing').hidden = false; } // Somebody moved the page and left its folder behind

// A button with the thumbnail of an image, drawn when it comes into sight
const coming = typeof IntersectionObserver === 'function' ? new IntersectionObserver(seen => { for (const s of seen) if (s.isIntersecting) { coming.unobserve(s.target); draw(s.target, Number(s.target.dataset.i)); } }, {rootMargin: '300px'}) : null;
function thumbnail(i, tag = 'button') {
  const button = document.createElement(tag), canvas = document.createElement('canvas');
  button.className = 'thumb'; button.dataset.i = i; canvas.dataset.i = i;
  if (tag === 'button') { button.type = 'button'; button.title = nameOf(i); button.setAttribute('aria-label', nameOf(i)); }
  if (slotOf[i] < 0) { canvas.hidden = true; button.append(line('span', nameOf(i))); return button; }
  button.append(canvas);
  if (coming) coming.observe(canvas); else draw(canvas, i);
  return button;
}

// ---- The map
const map = $('map');
const colours = () => { const s = getComputedStyle(document.documentElement); return name => s.getPropertyValue('--' + name).trim(); };
const webgl = (() => { try { return !!document.createElement('canvas').getContext('webgl'); } catch { return false; } })();
const markerSize = facts.n <= 300 ? 11 : facts.n <= 2500 ? 7 : facts.n <= 20000 ? 5 : 3.5;
function coordinates(group) {
  if (!group.x) {
    group.x = new Float32Array(group.members.length); group.y = new Float32Array(group.members.length);
    group.members.forEach((i, j) => { group.x[j] = xy[2 * i]; group.y[j] = xy[2 * i + 1]; });
  }
  return group;
}
function median(values) { const s = Float32Array.from(values).sort(); return s[s.length >> 1]; }
function span(values) { let low = Infinity, high = -Infinity; for (const v of values) { if (v < low) low = v; if (v > high) high = v; } return high - low; }
function traces() {
  const css = colours(), other = state.only !== null;
  return groups().map(g => {
    const faint = other && g.k !== state.only, {x, y} = coordinates(g);
    return {type: webgl ? 'scattergl' : 'scatter', mode: 'markers', name: g.name, x, y, hoverinfo: faint ? 'skip' : 'none', showlegend: false,
      marker: {size: g.k < 0 ? markerSize * .8 : markerSize, symbol: g.symbol, color: faint ? css('noise') : g.colour ?? css('noise'),
        opacity: faint ? .1 : g.k < 0 ? .5 : facts.n > 20000 ? .6 : .85}};
  });
}
const margin = 10, reach = 16, across = () => map.clientWidth - 2 * margin, down = () => map.clientHeight - 2 * margin;
const nudges = [[0, 0]];
for (const r of [16, 28, 40]) for (let a = 0; a < 8; a++) nudges.push([Math.round(r * 1.3 * Math.cos(a * Math.PI / 4)), Math.round(r * Math.sin(a * Math.PI / 4))]);
function labelled() { // Groups whose name is to be written, and how far from their median, so that no name hides another
  const {xaxis, yaxis} = map.layout, boxes = [], size = groups().length <= 60 ? 8 : 6.5;
  const pixel = (v, [low, high], span) => (v - low) / (high - low) * span;
  const free = b => boxes.every(o => b[0] > o[2] || b[2] < o[0] || b[1] > o[3] || b[3] < o[1]);
  const found = [];
  for (const g of [...groups()].filter(g => g.k >= 0).sort((a, b) => (b.k === state.only) - (a.k === state.only) || sizeOf(b) - sizeOf(a))) {
    const {x, y} = coordinates(g), w = g.short.length * size / 2 + 3;
    g.centre ??= [median(x), median(y)];
    const u = pixel(g.centre[0], xaxis.range, across()), v = pixel(g.centre[1], yaxis.range, down());
    const reach = [x.length < 20, span(x) / (xaxis.range[1] - xaxis.range[0]) * across() < 24 && span(y) / (yaxis.range[1] - yaxis.range[0]) * down() < 24];
    const near = reach.some(Boolean) ? nudges.slice(1, 9).reverse() : nudges; // Don't cover the few points there are
    const nudge = near.find(([a, b]) => free([u + a - w, v + b - 9, u + a + w, v + b + 9]));
    if (!nudge) continue;
    boxes.push([u + nudge[0] - w, v + nudge[1] - 9, u + nudge[0] + w, v + nudge[1] + 9]);
    found.push([g, nudge]);
  }
  return found;
}
function annotations() {
  if (!map.layout?.xaxis.range) return [];
  const css = colours(), few = groups().length <= 60;
  return labelled().map(([g, [xshift, yshift]]) => ({x: g.centre[0], y: g.centre[1], xshift, yshift, text: g.short.replace(/&/g, '&amp;').replace(/</g, '&lt;'),
    showarrow: false, captureevents: false, opacity: state.only === null || g.k === state.only ? 1 : .25, bgcolor: css('halo'), borderpad: few ? 2 : 0, font: {size: few ? 13 : 10, color: css('ink'), weight: 700}}));
}
const relabel = () => Plotly.relayout(map, {annotations: annotations()});
function ring() {
  if (state.at < 0) return [];
  const [x, y] = [xy[2 * state.at], xy[2 * state.at + 1]], size = markerSize / 2 + 6;
  const circle = (r, width, color) => ({type: 'circle', xsizemode: 'pixel', ysizemode: 'pixel', xanchor: x, yanchor: y, x0: -r, x1: r, y0: -r, y1: r, line: {width, color}});
  const css = colours();
  return [circle(size, 5, css('card')), circle(size, 2.5, css('ink'))];
}
function density() {
  const d = facts.density;
  return d ? [{source: d.src, xref: 'x', yref: 'y', x: d.left, y: d.top, sizex: d.width, sizey: d.height, sizing: 'stretch', layer: 'below'}] : [];
}
const touch = matchMedia('(hover: none)').matches; // A finger on the map scrolls the page; its buttons zoom
const axis = () => ({visible: true, showgrid: false, zeroline: false, showticklabels: false, ticks: '', title: {text: ''}, linecolor: 'rgba(0,0,0,0)'});
let view = {xaxis: axis(), yaxis: axis()};
const paper = () => document.documentElement.hasAttribute('data-print') ? {width: 660, height: 480} : {};
const layout = () => ({...view, ...paper(), annotations: annotations(), shapes: ring(), images: density(), margin: {l: margin, r: margin, t: margin, b: margin}, hovermode: 'closest', dragmode: map.layout?.dragmode ?? (touch ? false : 'zoom'), hoverdistance: reach,
  paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, font: {family: getComputedStyle(document.body).fontFamily},
  modebar: {bgcolor: 'rgba(0,0,0,0)', color: colours()('soft'), activecolor: colours()('accent'), orientation: 'h'}});
const config = {displaylogo: false, responsive: true, doubleClick: touch ? false : 'reset', showTips: false, displayModeBar: true,
  plotlyServerURL: '', typesetMath: false, modeBarButtons: [['toImage'], ['zoom2d', 'pan2d'], ['zoomIn2d', 'zoomOut2d', 'resetScale2d']], toImageButtonOptions: {filename: 'clusters'}};
const redraw = () => Plotly.react(map, traces(), layout(), config);
const redrawRing = () => Plotly.relayout(map, {shapes: ring()});

// ---- Tooltip
const tip = document.createElement('div');
tip.id = 'tip'; tip.hidden = true; tip.setAttribute('aria-hidden', 'true');
const tipCanvas = document.createElement('canvas'), tipText = document.createElement('div');
tip.append(tipCanvas, tipText);
function line(tag, text) { const e = document.createElement(tag); e.dir = 'auto'; e.textContent = text; return e; }
function words(i) {
  const found = [['Name', nameOf(i)], ['Cluster', labels[i] < 0 ? 'none' : clusters[labels[i]] + (levels[state.level].titles[labels[i]] ? ', ' + levels[state.level].titles[labels[i]] : '')]];
  if (classes) found.push(['Class', facts.classes[classes[i]]]);
  if (labels[i] >= 0) found.push(['Strength', strength[i].toFixed(2)]);
  return found;
}
function showTip(i, event) {
  const [[, name], ...rest] = words(i);
  tipText.replaceChildren(line('b', name.split('/').pop()), ...rest.map(([k, v]) => line('span', `${k.toLowerCase()} ${v}`)));
  if (facts.pictures && slotOf[i] < 0) tipText.append(line('span', 'no thumbnail for this one'));
  if (facts.pictures) draw(tipCanvas, i); else tipCanvas.hidden = true;
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), gap = 14;
  const left = event.clientX + gap + box.width > innerWidth ? event.clientX - gap - box.width : event.clientX + gap;
  tip.style.left = Math.max(4, left) + 'px';
  tip.style.top = Math.max(4, Math.min(event.clientY + gap, innerHeight - box.height - 4)) + 'px';
}
const hideTip = () => { tip.hidden = true; };

// ---- Preview of one image
const cluster = k => groupings.cluster.find(g => g.k === k);
async function show(i, {say = false, follow = false} = {}) {
  state.at = i; state.pinned = true;
  const members = cluster(labels[i]).members, place = members.indexOf(i);
  $('facts-of').replaceChildren(...words(i).flatMap(([k, v]) => [line('dt', k), line('dd', v)]), line('dt', 'Place'), line('dd', sampled ? `${thin(place + 1)} of ${thin(members.length)} shown of ${thin(sizeOf(cluster(labels[i])))}` : `${thin(place + 1)} of ${thin(members.length)}`));
  for (const id of ['facts-of', 'buttons']) $(id).hidden = false;
  if ($('near')) {
    const inside = $('near').contains(document.activeElement);
    $('near-box').hidden = false;
    $('near').replaceChildren(...neighbours(i).map(j => thumbnail(j)));
    if (inside) $('near').firstElementChild.focus({preventScroll: true});
  }
  redrawRing();
  const drawn = facts.pictures && await draw($('picture'), i, larges || thumbs);
  if (state.at !== i) return;
  $('picture').hidden = !drawn;
  $('picture').setAttribute('aria-label', nameOf(i));
  $('no-picture').hidden = drawn;
  $('no-picture').textContent = facts.pictures ? 'No thumbnail for this one.' : 'No picture: these are vectors.';
  if (say) $('live').textContent = `${nameOf(i)}, ${place + 1} of ${members.length} in ${clusterName(labels[i])}` + (classes ? `, class ${facts.classes[classes[i]]}` : '') + (labels[i] >= 0 ? `, strength ${strength[i].toFixed(2)}` : '');
  if (follow) keepInView(i);
}
function neighbours(i) { return near ? [...near.subarray(i * facts.near, (i + 1) * facts.near)] : []; }
function keepInView(i) {
  const inside = (a, v) => { const [low, high] = a.range; return v >= Math.min(low, high) && v <= Math.max(low, high); };
  const {xaxis, yaxis} = map.layout;
  if (xaxis.range && !(inside(xaxis, xy[2 * i]) && inside(yaxis, xy[2 * i + 1]))) Plotly.relayout(map, {'xaxis.autorange': true, 'yaxis.autorange': true});
}
function clear() {
  state.at = -1; state.pinned = false;
  delete $('picture').dataset.i; // What is on its way comes too late
  for (const id of ['facts-of', 'buttons', 'picture', 'near-box']) if ($(id)) $(id).hidden = true;
  $('no-picture').hidden = false;
  $('no-picture').textContent = 'Point at the map to see an image; click to keep it here.';
  $('live').textContent = '';
  redrawRing();
}
function step(by) {
  if (state.at < 0) return show(order[0], {say: true, follow: true});
  const members = cluster(labels[state.at]).members, j = members.indexOf(state.at);
  return show(members[(j + by + members.length) % members.length], {say: true, follow: true});
}
function stepCluster(by) {
  const all = groupings.cluster, j = state.at < 0 ? (by > 0 ? -1 : all.length) : all.findIndex(g => g.k === labels[state.at]);
  const next = all[(j + by + all.length) % all.length];
  if (state.by === 'cluster' && state.only !== null) highlight(next.k);
  return show(next.members[0], {say: true, follow: true});
}

// ---- Legend and highlight
const outline = {circle: 'M8 2a6 6 0 1 0 .01 0z', square: 'M3 3h10v10H3z', diamond: 'M8 1l7 7-7 7-7-7z', 'triangle-up': 'M8 2l7 12H1z', 'triangle-down': 'M8 14l7-12H1z',
  pentagon: 'M8 1l7 5.2-2.7 8.3H3.7L1 6.2z', star: 'M8 .8l2 4.9 5.2.4-4 3.4 1.3 5.1L8 11.8l-4.5 2.8 1.3-5.1-4-3.4 5.2-.4z'};
function swatch(g) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), path = document.createElementNS(svg.namespaceURI, 'path');
  svg.setAttribute('viewBox', '0 0 16 16'); svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', outline[g.symbol]); path.setAttribute('fill', g.colour ?? 'var(--noise)');
  svg.append(path);
  return svg;
}
function legend() {
  const shown = [...groups()].sort((a, b) => (a.k < 0) - (b.k < 0) || (state.by === 'class' ? a.k - b.k : sizeOf(b) - sizeOf(a)));
  $('legend').replaceChildren(...shown.map(g => {
    const item = document.createElement('li'), button = document.createElement('button'), name = line('bdi', g.name), number = line('span', thin(sizeOf(g)));
    button.type = 'button'; button.dataset.k = g.k; name.className = 'name'; number.className = 'count';
    button.setAttribute('aria-label', `${g.k < 0 ? '' : g.title + ' '}${g.name}, ${sizeOf(g)} ${facts.thing}s`); button.title = g.name;
    button.append(swatch(g), name, number);
    button.addEventListener('click', () => highlight(state.only === g.k ? null : g.k));
    item.append(button);
    return item;
  }));
  const options = [['', 'all'], ...groups().filter(g => g.k >= 0).map(g => [g.k, g.name]), ...groups().filter(g => g.k < 0).map(g => [g.k, g.name])];
  $('only').replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  press();
}
function press() {
  for (const b of $('legend').querySelectorAll('button')) b.setAttribute('aria-pressed', String(Number(b.dataset.k) === state.only));
  $('only').value = state.only ?? '';
}
function highlight(k) { state.only = k; press(); return redraw(); }
function setLevel(j) {
  state.level = j; state.only = null; state.at = -1;
  ({labels, strength, order, clusters} = unpack(j));
  groupings.cluster = levels[j].groups ??= makeGroups(labels, clusters, 'cluster');
  delete groupings.class; // Typical first, at this level
  for (const e of document.querySelectorAll('.cards')) e.hidden = Number(e.dataset.level) !== j;
  for (const e of document.querySelectorAll('[name=level]')) e.checked = Number(e.value) === j;
  clear(); legend();
  return redraw().then(relabel);
}
function colourBy(by) { state.by = by; state.only = null; $('by').value = by; legend(); return redraw(); }

// ---- The table of many classes and clusters, as a picture
function heat() {
  const canvas = $('heat');
  if (!canvas) return;
  const {rows, columns} = facts.table, width = Math.max(3, Math.min(36, Math.floor((canvas.parentElement.clientWidth - 4) / columns.length)));
  const height = Math.max(3, Math.min(20, Math.floor(760 / rows.length))), ratio = Math.min(devicePixelRatio || 1, 2);
  const numbers = heat.numbers ??= counts(rows, columns), css = colours(), paint = canvas.getContext('2d');
  canvas.width = width * columns.length * ratio; canvas.height = height * rows.length * ratio;
  canvas.style.width = width * columns.length + 'px'; canvas.style.height = height * rows.length + 'px';
  paint.fillStyle = css('code'); paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.fillStyle = css('shade'); paint.scale(ratio, ratio);
  numbers.cells.forEach((n, j) => {
    if (!n) return;
    const r = Math.floor(j / columns.length), c = j % columns.length;
    paint.globalAlpha = .12 + .88 * Math.sqrt(n / numbers.totals[r]);
    paint.fillRect(c * width, r * height, width - (width > 5), height - (height > 5));
  });
  if (heat.at) {
    const [r, c] = heat.at;
    paint.globalAlpha = 1; paint.strokeStyle = css('ink'); paint.lineWidth = 2;
    paint.strokeRect(c * width - 1, r * height - 1, width + 1, height + 1);
  }
  const say = (r, c) => { $('heat-text').textContent = `Class ${facts.classes[rows[r]]}, ${columns[c] < 0 ? 'no cluster' : 'cluster ' + levels[facts.level].clusters[columns[c]]}: ${thin(numbers.cells[r * columns.length + c])} of the ${thin(numbers.totals[r])} of the class.`; };
  canvas.onpointerdown = canvas.onpointermove = e => {
    const box = canvas.getBoundingClientRect(), c = Math.floor((e.clientX - box.left) / width), r = Math.floor((e.clientY - box.top) / height);
    if (!(r >= 0 && r < rows.length && c >= 0 && c < columns.length)) return;
    $('heat-text').setAttribute('aria-live', 'off'); // Else each cell on the way is read aloud
    say(r, c);
  };
  canvas.onkeydown = e => { // A cell further, to the next that isn't empty with Shift, or to either end of the row
    const step = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -Infinity], End: [0, Infinity]}[e.key];
    if (!step || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    const within = (v, n) => Math.max(0, Math.min(n - 1, v)), on = ([r, c]) => [within(r + step[0], rows.length), within(c + step[1], columns.length)];
    let to = heat.at ? on(heat.at) : [0, step[1] === Infinity ? columns.length - 1 : 0];
    while (e.shiftKey && !numbers.cells[to[0] * columns.length + to[1]] && String(on(to)) !== String(to)) to = on(to);
    heat.at = to;
    $('heat-text').setAttribute('aria-live', 'polite');
    heat(); say(...to);
    const scroll = canvas.parentElement, x = to[1] * width;
    if (x < scroll.scrollLeft || x + width > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x - scroll.clientWidth / 2;
  };
}
function counts(rows, columns) {
  const row = new Map(rows.map((c, j) => [c, j])), column = new Map(columns.map((k, j) => [k, j]));
  const cells = new Uint32Array(rows.length * columns.length), totals = new Uint32Array(rows.length);
  if (facts.cells) { facts.cells.forEach((n, j) => { cells[j] = n; totals[Math.floor(j / columns.length)] += n; }); return {cells, totals}; }
  for (let i = 0; i < facts.n; i++) { const r = row.get(classes[i]); cells[r * columns.length + column.get(levels[facts.level].labels[i])]++; totals[r]++; }
  return {cells, totals};
}

// ---- Everything that listens
function imageAt(event) {
  const p = event.points[0];
  return groups()[p.curveNumber].members[p.pointNumber];
}
function nearestTo(left, top) { // The image at a place of the window, or -1
  const box = map.getBoundingClientRect(), {xaxis, yaxis} = map.layout, perX = across() / (xaxis.range[1] - xaxis.range[0]), perY = down() / (yaxis.range[1] - yaxis.range[0]);
  const u = xaxis.range[0] + (left - box.left - margin) / perX, v = yaxis.range[1] - (top - box.top - margin) / perY;
  let best = -1, least = reach;
  for (const g of groups()) {
    if (state.only !== null && g.k !== state.only) continue; // Faint
    const {x, y} = coordinates(g);
    g.members.forEach((i, j) => { const d = Math.hypot((x[j] - u) * perX, (y[j] - v) * perY); if (d < least) { least = d; best = i; } });
  }
  return best;
}
let turned = null; // What the wheel has asked for since the last frame
function wheel(event) { // Ctrl and the wheel, or two fingers on a trackpad
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const factor = Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * .006) * (turned?.factor ?? 1);
  if (!turned) requestAnimationFrame(zoom);
  turned = {factor, left: event.clientX, top: event.clientY};
}
function zoom() {
  const {factor, left, top} = turned, box = map.getBoundingClientRect(), {xaxis, yaxis} = map.layout;
  turned = null;
  const u = (left - box.left - margin) / across(), v = 1 - (top - box.top - margin) / down();
  const around = ([low, high], at) => { const centre = low + (high - low) * at; return [centre + (low - centre) * factor, centre + (high - centre) * factor]; };
  Plotly.relayout(map, {'xaxis.range': around(xaxis.range, u), 'yaxis.range': around(yaxis.range, v)});
}
const keys = {ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => stepCluster(1), ArrowUp: () => stepCluster(-1),
  Home: () => show(order[0], {say: true, follow: true}), Escape: () => { clear(); if (state.only !== null) highlight(null); },
  Enter: () => { if (state.at >= 0 && state.by === 'cluster') highlight(state.only === labels[state.at] ? null : labels[state.at]); }};
function listen() {
  map.on('plotly_hover', e => showTip(imageAt(e), e.event));
  map.on('plotly_unhover', hideTip);
  let still; // Names find their places when a move has come to rest
  map.on('plotly_relayout', changed => { if (Object.keys(changed).some(key => /axis|autosize|width/.test(key))) { clearTimeout(still); still = setTimeout(relabel, 80); } });
  let pressed = null; // Where a click began that plotly has not answered: it knows what lies under the mouse only 50 ms after the last time it looked
  map.on('plotly_click', e => { pressed = null; show(imageAt(e)); });
  map.on('plotly_doubleclick', () => { pressed = null; }); // The view is another now
  map.addEventListener('click', e => {
    const i = pressed && e.target.closest('.nsewdrag') ? nearestTo(...pressed) : -1;
    pressed = null;
    if (i >= 0) show(i);
  }, true);
  map.addEventListener('mouseleave', hideTip);
  map.addEventListener('mousedown', e => {
    pressed = e.target.closest('.nsewdrag') && e.button === 0 ? [e.clientX, e.clientY] : null;
    map.focus({preventScroll: true}); // Plotly keeps a click from doing it
  });
  map.addEventListener('wheel', wheel, {passive: false});
  map.addEventListener('keydown', e => {
    if (e.target !== map || e.ctrlKey || e.metaKey || e.altKey || !keys[e.key]) return;
    e.preventDefault(); hideTip(); keys[e.key]();
  });
  addEventListener('scroll', hideTip, {passive: true});
  for (const e of document.querySelectorAll('[name=level]')) e.addEventListener('change', () => setLevel(Number(e.value)));
  $('search')?.addEventListener('input', e => search(e.target.value));
  $('search')?.addEventListener('focus', e => search(e.target.value));
  $('search')?.addEventListener('keydown', e => { if (e.key === 'Enter' && !$('found').hidden) $('found-list').firstElementChild?.click(); });
  document.querySelector('.search')?.addEventListener('keydown', e => { if (e.key === 'Escape' && !$('found').hidden) { $('search').focus(); $('found').hidden = true; } });
  document.querySelector('.search')?.addEventListener('focusout', e => { if (e.relatedTarget && !e.currentTarget.contains(e.relatedTarget)) $('found').hidden = true; });
  document.addEventListener('pointerdown', e => { if ($('found') && !e.target.closest('#bar')) $('found').hidden = true; });
  $('browse-box')?.addEventListener('keydown', e => { if (e.key === 'Escape') browse(browse.at >= 0 ? facts.tree[browse.at].parent : -1, true); });
  $('by')?.addEventListener('change', e => colourBy(e.target.value));
  $('only').addEventListener('change', e => highlight(e.target.value === '' ? null : Number(e.target.value)));
  $('before').addEventListener('click', () => step(-1));
  $('after').addEventListener('click', () => step(1));
  $('close').addEventListener('click', () => { clear(); map.focus({preventScroll: true}); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { redraw(); heat(); });
  addEventListener('resize', heat);
  let width = $('tree')?.clientWidth;
  addEventListener('resize', () => {
    if (!$('tree') || $('tree').clientWidth === width) return;
    width = $('tree').clientWidth;
    if ($('tree').classList.contains('gallery')) return;
    const buttons = () => [...$('browse-box').querySelectorAll('button')], focused = buttons().indexOf(document.activeElement);
    browse(browse.at);
    if (focused >= 0) buttons()[focused].focus({preventScroll: true}); // Its box was made anew
  });
  let opened = [];
  const printing = on => {
    if (on) opened = [...document.querySelectorAll('details:not([open])')];
    for (const d of opened) d.open = on;
    document.documentElement.toggleAttribute('data-print', on); // Light colours, and a map as wide as a page
    redraw(); relabel(); heat();
  };
  addEventListener('beforeprint', () => printing(true));
  addEventListener('afterprint', () => printing(false));
}
// ---- Search by name
const plainText = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
function search(text) {
  const box = $('found'), wanted = plainText(text).split(/\s+/).filter(Boolean);
  if (!wanted.length) { box.hidden = true; $('found-text').textContent = ''; $('found-list').replaceChildren(); return; }
  search.names ??= facts.names.map(plainText);
  const hits = [];
  let n = 0;
  search.names.forEach((name, i) => { if (wanted.every(w => name.includes(w)) && ++n && hits.length < 30) hits.push(i); });
  $('found-text').textContent = `${thin(n)} found${n > hits.length ? `, the first ${hits.length} are shown` : ''}`;
  $('found-list').replaceChildren(...hits.map(i => {
    const b = thumbnail(i);
    if (slotOf[i] >= 0) b.append(line('span', nameOf(i)));
    return b;
  }));
  box.hidden = false;
}

// ---- Groups of groups: boxes as large as the groups, which one opens
const PAGE = 120; // Photos that a gallery shows at once
function membersOf(node) {
  if (node.members) return node.members;
  const l = unpack(node.level);
  if (node.k >= 0) return node.members = [...l.order].filter(i => l.labels[i] === node.k);
  const parent = facts.tree[node.parent], within = parent && new Set(membersOf(parent)); // In it, and in no group since
  const since = levels.map((_, j) => j).filter(j => j > (parent ? parent.level : node.level - 1) && j <= node.level).map(j => unpack(j).labels);
  return node.members = [...l.order].filter(i => since.every(s => s[i] < 0) && (!within || within.has(i)));
}
function children(id) {
  let found = facts.tree.map((t, j) => j).filter(j => facts.tree[j].parent === id);
  if (found.length === 1 && facts.tree[found[0]].n === (id < 0 ? facts.total : facts.tree[id].n) && facts.tree[found[0]].k >= 0) found = children(found[0]); // Nothing to choose from
  return found.sort((a, b) => (facts.tree[a].k < 0) - (facts.tree[b].k < 0) || facts.tree[b].n - facts.tree[a].n);
}
function titleOf(id) {
  if (id < 0) return 'All';
  const {level, k, parent} = facts.tree[id], {titles, clusters: names, name} = levels[level];
  if (k < 0) return parent < 0 ? 'In no cluster' : 'Left over';
  return titles[k] || `${({groups: 'group', clusters: 'cluster'})[name] || name.split(',')[0]} ${names[k]}`;
}
function squarify(sizes, w, h) { // Boxes [x, y, width, height] of the given areas, as square as they come (Bruls, Huizing and van Wijk 2000)
  const total = sizes.reduce((a, b) => a + b, 0), areas = sizes.map(s => s / total * w * h), boxes = [];
  let x = 0, y = 0, rest = [w, h], row = [];
  const worst = (r, side) => { const s = r.reduce((a, b) => a + b, 0); return Math.max(side * side * Math.max(...r) / s ** 2, s ** 2 / (side * side * Math.min(...r))); };
  const lay = () => {
    const s = row.reduce((a, b) => a + b, 0), [rw, rh] = rest;
    let at = 0;
    for (const a of row) {
      if (rw >= rh) { boxes.push([x, y + at, s / rh, a * rh / s]); at += a * rh / s; } else { boxes.push([x + at, y, a * rw / s, s / rw]); at += a * rw / s; }
    }
    if (rw >= rh) { x += s / rh; rest = [rw - s / rh, rh]; } else { y += s / rw; rest = [rw, rh - s / rw]; }
    row = [];
  };
  for (const a of areas) {
    const side = Math.min(...rest);
    if (row.length && worst([...row, a], side) > worst(row, side)) lay();
    row.push(a);
  }
  if (row.length) lay();
  return boxes;
}
function montage(w, h) { // Columns and rows of pictures, 50 to 90 pixels wide, that fill a box best
  let best = [0, 0, 0];
  for (let c = Math.max(1, Math.ceil((w + 4) / 94)); c <= Math.floor((w + 4) / 54); c++) {
    const pic = (w + 4) / c, rows = Math.floor((h + 4) / pic);
    if (rows * pic > best[2] + 2) best = [c, rows, rows * pic];
  }
  return best;
}
function browse(id, focus = false) {
  const box = $('tree'), path = [], narrow = box.clientWidth < 560, under = children(id);
  browse.at = id;
  for (let t = id; t >= 0; t = facts.tree[t].parent) path.unshift(t);
  path.unshift(-1);
  $('path').replaceChildren(...path.map(t => {
    const item = document.createElement('li'), b = line('button', titleOf(t));
    b.type = 'button';
    if (t === id) b.setAttribute('aria-current', 'true');
    b.addEventListener('click', () => browse(t, true));
    item.append(b);
    return item;
  }));
  const n = id < 0 ? facts.total : facts.tree[id].n;
  $('tree-text').textContent = `${thin(n)} ${facts.thing}${n === 1 ? '' : 's'}` + (under.length ? ` in ${under.length} group${under.length === 1 ? '' : 's'}` : `${sampled ? `, ${thin(membersOf(facts.tree[id]).length)} of them here` : ''}, the most typical first`);
  box.replaceChildren();
  box.classList.toggle('gallery', !under.length);
  box.classList.toggle('narrow', narrow);
  if (under.length) {
    const height = box.clientHeight, boxes = narrow ? null : squarify(under.map(t => Math.max(facts.tree[t].n, n / 250)), box.clientWidth, height);
    under.forEach((t, j) => {
      const b = document.createElement('button'), [x, y, w, h] = boxes ? boxes[j] : [0, 0, box.clientWidth / 2 - 8, 150];
      b.type = 'button'; b.className = 'cell'; b.title = `${titleOf(t)}: ${thin(facts.tree[t].n)}`;
      if (boxes) Object.assign(b.style, {left: x + 'px', top: y + 'px', width: Math.max(w - 4, 4) + 'px', height: Math.max(h - 4, 4) + 'px'});
      const head = document.createElement('span');
      head.className = 'cell-head'; head.append(line('b', titleOf(t)), line('i', thin(facts.tree[t].n)));
      const shown = document.createElement('span'), [columns, rows] = montage(w - 14, h - 32);
      shown.className = 'cell-pics'; shown.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
      if (columns > 0 && rows > 0 && facts.pictures) shown.append(...membersOf(facts.tree[t]).filter(i => slotOf[i] >= 0).slice(0, Math.min(columns * rows, 48)).map(i => thumbnail(i, 'span')));
      b.append(head, shown);
      b.addEventListener('click', () => browse(t, true));
      box.append(b);
    });
  } else more(box, membersOf(facts.tree[id]), 0);
  if (focus) { box.scrollTop = 0; $('path').lastElementChild.firstElementChild.focus({preventScroll: true}); }
}
function more(box, members, from) {
  box.append(...members.slice(from, from + PAGE).map(i => thumbnail(i)));
  if (from + PAGE >= members.length) return;
  const b = line('button', `Show ${Math.min(PAGE, members.length - from - PAGE)} more of ${thin(members.length)}`);
  b.type = 'button'; b.className = 'more';
  b.addEventListener('click', () => { const at = box.children.length - 1; b.remove(); more(box, members, from + PAGE); box.children[at].focus(); });
  box.append(b);
}
function openCluster(k) { // All members of a cluster of the level in force
  $('browse').scrollIntoView();
  if (k >= 0) return browse(facts.tree.findIndex(t => t.level === state.level && t.k === k), true);
  const members = [...order].filter(i => labels[i] < 0), item = document.createElement('li'), here = line('button', 'In no cluster');
  browse(-1, true);
  here.type = 'button'; here.setAttribute('aria-current', 'true');
  $('path').querySelector('[aria-current]').removeAttribute('aria-current');
  item.append(here); $('path').append(item);
  const all = sampled ? levels[state.level].sizes.at(-1) : members.length;
  $('tree-text').textContent = `${thin(all)} ${facts.thing}${all === 1 ? '' : 's'}${sampled ? `, ${thin(members.length)} of them here` : ''}`;
  $('tree').replaceChildren();
  $('tree').classList.add('gallery');
  more($('tree'), members, 0);
  here.focus({preventScroll: true});
}

function toMap(i) { $('map-title').scrollIntoView(); map.focus({preventScroll: true}); return show(i, {say: true, follow: true}); }
document.addEventListener('click', async e => {
  const button = e.target.closest('.show, .copy, .all'), picture = e.target.closest('.pics img, button.thumb');
  if (picture) {
    if ($('found')) $('found').hidden = true;
    if (picture.closest('#near')) await show(Number(picture.dataset.i), {say: true, follow: true});
    else await toMap(Number(picture.dataset.i));
  } else if (button?.matches('.all')) openCluster(Number(button.dataset.k));
  else if (button?.matches('.show')) {
    const k = Number(button.dataset.k);
    if (state.by !== 'cluster') colourBy('cluster');
    await highlight(k);
    await toMap(cluster(k).members[0]);
  } else if (button) {
    const code = button.parentElement.querySelector('code');
    try { await navigator.clipboard.writeText(code.textContent); button.firstChild.textContent = 'Copied'; }
    catch { getSelection().selectAllChildren(code); }
  }
});

async function start() {
  document.body.append(tip);
  for (const e of document.querySelectorAll('.show, .copy, .all, #controls, #bar, #browse-box')) e.hidden = false;
  const pictures = document.querySelectorAll('.pics img');
  if (pictures.length <= 400) for (const e of pictures) { e.tabIndex = 0; e.setAttribute('role', 'button'); } // More would be too many stops for a keyboard
  document.addEventListener('keydown', e => { if (e.target.matches?.('.pics img') && (e.key === 'Enter' || e.key === ' ')) { e.preventDefault(); e.target.click(); } });
  legend();
  heat();
  await Plotly.newPlot(map, traces(), layout(), config);
  await relabel();
  if (!webgl) map.insertAdjacentHTML('beforeend', '<p class="notice">This browser has no WebGL: the map is drawn without it, and slowly.</p>');
  listen();
  if ($('tree')) browse(-1);
  document.documentElement.dataset.ready = 'yes';
}
start();
})();
