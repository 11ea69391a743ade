// Elements without markup: text is always text.
export const by = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const x = Object.assign(document.createElement(tag), properties);
  x.append(...children);
  return x;
}

/** Sets text only where it differs: what is selected or read aloud stays. */
export function say(element, text, style) {
  if (element.textContent !== text) element.textContent = text;
  if (style !== undefined && element.className !== style) element.className = style;
}

export const clock = (x) => new Date(x).toLocaleTimeString([], { hour12: false });

export function took(ms) {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
