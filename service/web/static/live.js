// Keeps the page up to date while it is looked at. The server says when there is something new; the page is asked for
// again and only what differs is changed, so that focus, selection and scrolling stay where they are.
"use strict";
(() => {
  const AGAIN_MS = 30000;
  let events = null, later = 0, asking = false, asked = false;

  function become(shown, wanted) {
    for (const { name } of [...shown.attributes]) if (!wanted.hasAttribute(name) && name !== "open") shown.removeAttribute(name);
    for (const { name, value } of wanted.attributes) if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
    const before = [...shown.childNodes], after = [...wanted.childNodes];
    after.forEach((node, at) => {
      const old = before[at];
      if (!old) shown.append(document.importNode(node, true));
      else if (old.nodeName !== node.nodeName) old.replaceWith(document.importNode(node, true));
      else if (node.nodeType === Node.ELEMENT_NODE) become(old, node);
      else if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    });
    before.slice(after.length).forEach((node) => node.remove());
  }

  async function renew() {
    asked = true;
    if (asking) return;
    asking = true;
    try {
      while (asked) {
        asked = false;
        const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
        if (!answer.ok) break;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (page.title !== document.title) document.title = page.title;
        for (const part of ["header", "main"]) {
          const shown = document.querySelector(part), wanted = page.querySelector(part);
          if (shown && wanted) become(shown, wanted);
        }
      }
    } catch { /* the server is away: the events come again when it is back */ } finally { asking = false; }
  }

  function listen() {
    clearTimeout(later);
    if (document.hidden || events) return;
    events = new EventSource("/live");
    events.onmessage = renew;
    events.onerror = () => {
      if (events && events.readyState === EventSource.CLOSED) { events = null; later = setTimeout(listen, AGAIN_MS); }
    };
  }

  function pause() {
    clearTimeout(later);
    if (events) events.close();
    events = null;
  }

  document.addEventListener("visibilitychange", () => document.hidden ? pause() : listen());
  addEventListener("pagehide", pause);
  addEventListener("pageshow", listen);
})();
