/** Put before a script that a test runs on the page: what can be measured of what a reader sees. */

const visible = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true })
  && !node.closest('.unseen, .skip:not(:focus)');

/** The texts that are seen, each with its element; what a field shows while it is empty counts too. */
function seenTexts() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const [text, element] = [node.data.trim(), node.parentElement];
    if (text && !element.closest('script, noscript, option') && visible(element)) texts.push({ text, element, node });
  }
  for (const element of document.querySelectorAll('[placeholder]')) {
    if (!element.value && visible(element)) texts.push({ text: element.placeholder, element, pseudo: '::placeholder' });
  }
  return texts;
}

/** Texts whose contrast with what is behind them is below `least`, with the contrast. A canvas mixes the colours. */
function faintTexts(least) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const paint = (colour, opacity) => {
    pen.globalAlpha = opacity;
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
  };
  const luminance = () => {
    const linear = (byte) => (byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = ({ element, pseudo }) => {
    const line = [];
    for (let one = element; one; one = one.parentElement) line.unshift(getComputedStyle(one));
    paint('white', 1);
    let opacity = 1;
    for (const style of line) paint(style.backgroundColor, (opacity *= Number(style.opacity)));
    const behind = luminance();
    const own = getComputedStyle(element, pseudo);
    paint(own.color, pseudo ? opacity * Number(own.opacity) : opacity);
    const [low, high] = [behind, luminance()].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  return seenTexts()
    .filter(({ element }) => !element.closest(':disabled'))
    .map((one) => ({ text: one.text.slice(0, 40), contrast: contrast(one) }))
    .filter(({ contrast }) => !(contrast >= least));
}

/** Controls of less than `least` pixels either way. A link within text is as high as its line. */
function smallTargets(least) {
  const target = (control) => (control.matches('[type=radio], [type=checkbox]') ? control.closest('label') : control);
  const name = (one) => one.getAttribute('aria-label') ?? one.innerText ?? one.id;
  return [...document.querySelectorAll('a, button, input, select, textarea, [role=option]')]
    .map(target)
    .filter((one) => visible(one) && !one.closest('h3'))
    .map((one) => ({ name: name(one), width: one.offsetWidth, height: one.offsetHeight }))
    .filter(({ width, height }) => width < least || height < least);
}

/** How far the page scrolls sideways, the texts that leave the window or what clips them, and broken numbers. */
function sideways() {
  const scrolls = document.documentElement.scrollWidth - innerWidth;
  const boxes = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()];
  };
  const leaves = ({ node, element }) => {
    const clip = element.closest('.cards, .options, .stage')?.getBoundingClientRect() ?? { left: 0, right: innerWidth };
    return boxes(node).some(({ left, right }) => left < clip.left - 1 || right > Math.min(clip.right, innerWidth) + 1);
  };
  const texts = seenTexts().filter(({ node }) => node);
  const broken = texts.filter(({ text, node }) => /^[\d,.]+$/.test(text) && boxes(node).length > 1);
  const said = (some) => some.map(({ text }) => text.slice(0, 40));
  return { scrolls: Math.max(0, scrolls), leave: said(texts.filter(leaves)), broken: said(broken) };
}

/** A place of the window where the map has drawn something, away from its buttons and edges. */
function inkedPlace() {
  const canvas = document.getElementById('map');
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const ratio = canvas.width / width;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let y = height - 20; y > 20; y -= 1) {
    for (let x = 20; x < width - 80; x += 1) {
      const at = 4 * (Math.round(y * ratio) * canvas.width + Math.round(x * ratio));
      const isSeen = top + y > 0 && top + y < innerHeight;
      if (data[at + 3] > 200 && isSeen) return [Math.round(left + x), Math.round(top + y)];
    }
  }
  return null;
}
