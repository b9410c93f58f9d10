// The page refreshes itself: it asks for /updates with its own query, and puts what comes where it belongs.
// Without this script all links and the form work as they are.
"use strict";
(() => {
  const $ = id => document.getElementById(id);
  const root = document.documentElement;
  let stream = null, paused = false, fresh = 0, problems = null;

  // Patch makes an element like another, and keeps what is the same: focus, selection and scrolling stay.
  function patch(old, now) {
    for (const a of [...old.attributes]) if (!now.hasAttribute(a.name)) old.removeAttribute(a.name);
    for (const a of now.attributes) if (old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value);
    patchChildren(old, now);
  }
  const key = n => n.nodeType === 1 ? n.getAttribute("data-key") : null;
  function patchChildren(old, now) {
    const keyed = new Map();
    for (const c of old.children) if (key(c) !== null) keyed.set(key(c), c);
    let at = old.firstChild;
    for (const n of [...now.childNodes]) {
      let match = key(n) !== null ? keyed.get(key(n)) : at;
      if (match && (match.nodeName !== n.nodeName || key(match) !== key(n))) match = null;
      if (!match) {
        old.insertBefore(n, at);
        continue;
      }
      if (match === at) at = at.nextSibling;
      else if (old.moveBefore) old.moveBefore(match, at); // keeps the focus
      else old.insertBefore(match, at);
      if (n.nodeType !== 1) {
        if (match.data !== n.data) match.data = n.data;
      } else if (!match.isEqualNode(n)) patch(match, n);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  // What a screen reader hears: problems that are new, and those that are gone.
  function announce() {
    const now = new Map([...document.querySelectorAll(".troubles>li[data-key]")].map(li => [li.dataset.key, li.textContent.replace(/\s+/g, " ").trim()]));
    if (problems) {
      const said = [];
      for (const [k, text] of now) if (!problems.has(k)) said.push("New: " + text);
      for (const k of problems.keys()) if (!now.has(k)) said.push("Over: " + k);
      if (said.length) $("news").textContent = said.slice(0, 3).join(". ");
    }
    problems = now;
  }

  function show(u) {
    const focus = document.activeElement;
    for (const [name, html] of Object.entries(u.parts)) {
      const t = document.createElement("template");
      t.innerHTML = html;
      patchChildren($(name), t.content);
    }
    if (focus && focus !== document.activeElement && focus.isConnected) focus.focus({preventScroll: true});
    document.title = u.title;
    if ($("icon").getAttribute("href") !== u.icon) $("icon").href = u.icon;
    $("at").dateTime = u.at;
    $("at").textContent = u.clock;
    fresh = Date.now();
    found();
    if ("troubles" in u.parts) announce();
  }

  function found() {
    $("lost").hidden = true;
    root.classList.remove("stale");
    $("live").classList.add("on");
    $("liveword").textContent = "live";
  }
  function lost() {
    $("live").classList.remove("on");
    $("liveword").textContent = paused ? "paused at" : "as of";
    if (paused) return;
    root.classList.add("stale");
    if ($("lost").hidden) {
      $("lost").textContent = "The agent does not answer. This is what it said last; the page asks again by itself.";
      $("lost").hidden = false;
    }
  }

  // Open asks for updates of what the address says now.
  function open() {
    if (stream) stream.close();
    if (paused) return;
    const mine = stream = new EventSource("updates" + location.search);
    mine.onmessage = e => { if (stream === mine) show(JSON.parse(e.data)); };
    mine.onerror = () => {
      if (stream !== mine) return;
      lost();
      if (mine.readyState === EventSource.CLOSED) setTimeout(() => { if (stream === mine) open(); }, 10000);
    };
  }

  // Go shows another query, as following the link would.
  function go(url, push = true) {
    if (push) history.pushState(null, "", url);
    const q = new URLSearchParams(location.search);
    const form = $("ask");
    if (document.activeElement !== form.elements.q) form.elements.q.value = q.get("q") || "";
    form.elements.only.checked = q.get("only") === "wrong";
    for (const h of [...form.querySelectorAll("input[type=hidden]")]) h.remove();
    for (const k of ["sort", "dir"]) if (q.has(k)) {
      const h = document.createElement("input");
      h.type = "hidden"; h.name = k; h.value = q.get(k);
      form.append(h);
    }
    if (paused) { location.reload(); return; }
    open();
  }
  const here = a => a && a.origin === location.origin && a.pathname === location.pathname && !a.hasAttribute("download") && !a.target;

  document.addEventListener("click", e => {
    if (e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const a = e.target.closest("a");
    if (!here(a)) return;
    if ("themeChoice" in a.dataset) {
      e.preventDefault();
      theme(a.dataset.themeChoice);
      return;
    }
    if (a.search === location.search || a.classList.contains("plain")) return;
    e.preventDefault();
    go(a.href);
    const to = a.hash && $(a.hash.slice(1));
    if (to) to.scrollIntoView();
  });
  window.addEventListener("popstate", () => go(location.href, false));

  const form = $("ask");
  let wait = 0;
  function ask() {
    const q = new URLSearchParams([...new FormData(form)].filter(([, v]) => v !== ""));
    const text = q.toString();
    if (text === new URLSearchParams(location.search).toString()) return;
    history.replaceState(null, "", location.pathname + (text ? "?" + text : ""));
    go(location.href, false);
  }
  form.addEventListener("submit", e => { e.preventDefault(); ask(); });
  form.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(ask, 250); });
  form.querySelector("button").hidden = true;

  function theme(name) {
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    document.querySelector("meta[name=color-scheme]").content = name || "light dark";
    for (const a of document.querySelectorAll("[data-theme-choice]"))
      if (a.dataset.themeChoice === name) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current");
    const age = name ? 400 * 24 * 3600 : 0;
    document.cookie = "snatctl-theme=" + name + "; max-age=" + age + "; samesite=strict";
  }

  const pause = $("pause");
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    if (paused) { stream.close(); lost(); } else open();
  });
  // A page that nobody sees asks for nothing; a connection that is silent for long is dead.
  document.addEventListener("visibilitychange", () => { if (document.hidden) stream.close(); else open(); });
  setInterval(() => { if (!paused && !document.hidden && fresh && Date.now() - fresh > 45000) { lost(); open(); fresh = Date.now(); } }, 5000);

  announce();
  open();
})();
