"use strict";
// Reads the API every second and shows it. Elements are made, never parsed: names stay text.

const EVERY = 1000;
const SPAN = 120;
const HUES = [172, 262, 28, 210, 330, 95, 48, 290, 12, 235, 145, 190];
const STATES = {
  healthy: "good", unchecked: "none", warming: "warn", terminating: "warn", ejected: "bad", unhealthy: "bad",
};
const seen = new Map(); // What was counted at the poll before, by key.
const open = new Map(); // Which pools somebody opened or closed.
const rates = [];
let paused = false;
let now = 0;

const at = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") Object.assign(element.style, value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

async function read(path) {
  const answer = await fetch(path, { cache: "no-store" });
  const body = await answer.json();
  if (!answer.ok && path !== "readyz") throw new Error(body.error || String(answer.status));
  return body;
}

/** Returns what was counted per second since the poll before. */
function perSecond(key, count) {
  const before = seen.get(key);
  seen.set(key, { count, now });
  if (!before || count < before.count || now <= before.now) return 0;
  return (count - before.count) / ((now - before.now) / 1000);
}

function number(value, digits = 0) {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const rateText = (rate) => number(rate, rate > 0 && rate < 10 ? 1 : 0);
/** Returns whether more than one in a hundred failed. */
const isMany = (failed, all) => failed > all / 100;
const percent = (share) => `${number(share * 100, share > 0 && share < 0.0995 ? 1 : 0)} %`;
const color = (index) => `hsl(${HUES[index % HUES.length]} 62% ${index >= HUES.length ? 62 : 48}%)`;

function seconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? `≤ ${number(value * 1000, value < 0.001 ? 2 : value < 0.01 ? 1 : 0)} ms` : `≤ ${number(value, value < 10 ? 1 : 0)} s`;
}

function cell(text, kind = "", isZero = false) {
  return make("td", { class: `${kind} ${isZero ? "zero" : ""}`.trim() || undefined }, text);
}

const count = (value) =>
  value === null ? cell("shared", "n zero") : cell(number(value), "n", value === 0);

function fact(value, label) {
  return make("div", { class: "fact" }, value, make("small", {}, label));
}

function bar(parts, label) {
  const total = parts.reduce((sum, part) => sum + part.size, 0);
  const pieces = total > 0 ? parts.filter((part) => part.size > 0) : [];
  return make("div", { class: "bar", role: "img", "aria-label": label },
    ...pieces.map((part) => make("i", { title: part.title, style: { flexGrow: part.size / total, flexBasis: 0, background: part.color } })));
}

function member(endpoint, index, share, rate) {
  const failed = (endpoint.server_errors || 0) + (endpoint.failures || 0);
  let state = endpoint.state;
  if (state === "ejected") state += ` ${number(endpoint.ejected_millis / 1000)} s`;
  if (state === "warming") state += ` ${endpoint.warm_percent} %`;
  return make("tr", {},
    make("td", { class: "mono" }, make("span", { class: "swatch", style: { background: color(index) } }), endpoint.address),
    make("td", {}, make("span", { class: `dot ${STATES[endpoint.state] || "none"}` }, state)),
    cell(endpoint.origin === "endpoint" ? "in the pool" : endpoint.origin),
    cell([endpoint.zone, endpoint.region].filter(Boolean).join(", ") || "–"),
    cell(`${endpoint.weight}${endpoint.tier ? `, tier ${endpoint.tier}` : ""}`, "n"),
    make("td", {}, make("div", { class: "share" },
      bar([{ size: share, color: color(index), title: "" }, { size: 1 - share, color: "transparent", title: "" }], `${percent(share)} of the requests`),
      make("span", {}, percent(share)))),
    cell(percent(endpoint.share), "n", endpoint.share === 0),
    cell(rateText(rate), "n", rate === 0),
    count(endpoint.in_flight),
    count(endpoint.requests),
    endpoint.requests === null ? count(null) : cell(number(failed), isMany(failed, endpoint.requests) ? "n bad-text" : "n", failed === 0),
    cell(endpoint.latency_millis === null ? "–" : `${number(endpoint.latency_millis, 1)} ms`, "n"));
}

const HEADS = [["Endpoint"], ["State"], ["From"], ["Zone"], ["Weight", "n"], ["Share now", "n"], ["Due", "n"],
  ["Req/s", "n"], ["In flight", "n"], ["Requests", "n"], ["Errors", "n"], ["Latency", "n"]];

function poolCard(pool, detail, rate) {
  const counts = pool.endpoints;
  const warnings = [
    counts.panic && ["panic: health is ignored", "bad"], counts.unhealthy && [`${counts.unhealthy} unhealthy`, "bad"],
    counts.ejected && [`${counts.ejected} ejected`, "bad"], counts.warming && [`${counts.warming} warming`, ""],
    pool.tier && [`failover tier ${pool.tier}`, ""],
  ].filter(Boolean);
  const members = detail ? detail.members : [];
  const shown = members.map((endpoint) =>
    perSecond(`endpoint ${pool.name} ${endpoint.origin} ${endpoint.address}`, endpoint.requests || 0));
  // Without traffic right now: the shares since the start.
  const flow = shown.some((rate) => rate > 0) ? shown : members.map((endpoint) => endpoint.requests || 0);
  const total = flow.reduce((sum, size) => sum + size, 0);
  const parts = members.map((endpoint, index) => ({ size: flow[index], color: color(index), title: endpoint.address }));
  const failing = pool.server_errors + pool.failures;
  const card = make("details", { class: "pool card", open: detail ? "" : undefined, "data-pool": pool.name },
    make("summary", {},
      make("div", {}, make("h3", {}, pool.name, ...warnings.map(([text, kind]) => make("span", { class: `tag ${kind}` }, text))),
        make("small", {}, pool.algorithm)),
      fact(`${counts.ready} of ${counts.total}`, "ready"), fact(rateText(rate), "requests/s"),
      fact(number(pool.in_flight), pool.pending ? `in flight, ${pool.pending} wait` : "in flight"),
      fact(failing ? percent(failing / Math.max(pool.requests, 1)) : "0", "errors"),
      bar(parts, "Shares of the requests by endpoint")),
    detail && make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Endpoints of ${pool.name}` }, make("table", {},
      make("thead", {}, make("tr", {}, ...HEADS.map(([text, kind]) => make("th", { class: kind, scope: "col" }, text)))),
      make("tbody", {}, ...members.map((endpoint, index) => member(endpoint, index, total ? flow[index] / total : 0, shown[index]))))));
  card.querySelector("summary").addEventListener("click", () => { open.set(pool.name, !detail); setTimeout(poll); });
  return card;
}

function spark(values) {
  const most = Math.max(...values, 1);
  const point = (value, index) => `${(300 * (SPAN - values.length + index)) / (SPAN - 1)},${54 - (48 * value) / most}`;
  const points = values.map(point);
  const shape = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const first = (300 * (SPAN - values.length)) / (SPAN - 1);
  at("spark").replaceChildren(
    shape("polygon", { class: "area", points: [`${first},56`, ...points, "300,56"].join(" ") }),
    shape("polyline", { class: "edge", points: points.join(" ") }));
}

function showReadiness(config) {
  const ready = config.readiness;
  const state = at("state");
  state.textContent = ready.ready ? (ready.source ? "ready, source not followed" : ready.refused.length ? "ready, manifests refused" : "ready") : ready.draining ? "draining" : "not ready";
  state.className = `pill ${ready.ready ? (ready.source || ready.refused.length ? "warn" : "good") : "bad"}`;
  at("facts").textContent = `version ${config.version} · table ${config.generation} · ${config.pools} pools · ${config.routes} routes · ${config.endpoints} endpoints · ${config.workers} workers`;
  const notice = at("notice");
  const wrong = ready.source ? [ready.source] : ready.refused;
  notice.hidden = !wrong.length && ready.ready;
  notice.textContent = wrong.length ? `${ready.message}: ${wrong.join("; ")}` : ready.message;
}

function showTotals(pools, rate) {
  const sum = (of) => pools.reduce((total, pool) => total + of(pool), 0);
  const pending = sum((pool) => pool.pending);
  const tries = sum((pool) => pool.requests);
  const failed = sum((pool) => pool.server_errors + pool.failures);
  const [total, ready] = [sum((pool) => pool.endpoints.total), sum((pool) => pool.endpoints.ready)];
  at("rate").textContent = rateText(rate);
  at("in-flight").textContent = number(sum((pool) => pool.in_flight));
  at("pending").textContent = pending ? `${number(pending)} wait` : "none waits";
  at("errors").textContent = tries ? percent(failed / tries) : "0 %";
  at("ready").textContent = `${number(ready)} of ${number(total)}`;
  at("unready").textContent = ready === total ? "all take traffic" : `${number(total - ready)} do not take traffic`;
}

function showRoutes(list) {
  at("routes-more").textContent = list.total > list.routes.length ? `the first ${list.routes.length} of ${number(list.total)}` : "";
  at("route-list").replaceChildren(...list.routes.map((route) => {
    const rate = perSecond(`route ${route.object} ${route.name}`, route.requests);
    return make("tr", {},
      cell(route.hostnames.join(", ") || "any host", "long"), cell(route.matches.join("; or ") || "everything", "long"), cell(route.pool),
      cell(rateText(rate), "n", rate === 0), count(route.requests),
      cell(number(route.server_errors), isMany(route.server_errors, route.requests) ? "n bad-text" : "n", route.server_errors === 0),
      cell(seconds(route.p50_seconds), "n"), cell(seconds(route.p99_seconds), "n"));
  }));
}

async function poll() {
  const search = encodeURIComponent(at("search").value.trim());
  const [config, list, routes] = await Promise.all(
    [read("api/v1/config"), read(`api/v1/pools?search=${search}`), read(`api/v1/routes?search=${search}`)]);
  now = list.now_millis;
  // A few pools are shown whole; of many, those that somebody opens.
  const isOpen = (pool, index) => open.get(pool.name) ?? (list.pools.length <= 8 && index < 8);
  const details = await Promise.all(list.pools.map((pool, index) =>
    isOpen(pool, index) ? read(`api/v1/pools/${pool.name}`).catch(() => null) : null));
  const poolRates = list.pools.map((pool) => perSecond(`pool ${pool.name}`, pool.requests));
  const rate = poolRates.reduce((sum, one) => sum + one, 0);
  rates.push(rate);
  rates.splice(0, Math.max(0, rates.length - SPAN));
  showReadiness(config);
  showTotals(list.pools, rate);
  spark(rates);
  showRoutes(routes);
  const focused = document.activeElement?.closest?.("[data-pool]")?.dataset.pool;
  const cards = list.pools.map((pool, index) => poolCard(pool, details[index], poolRates[index]));
  const more = list.total > list.pools.length
    ? make("p", { class: "quiet" }, `The first ${list.pools.length} of ${number(list.total)} pools: search for others.`) : null;
  const empty = list.total ? null : make("p", { class: "empty" }, search ? "No pool has this in its name." : "No pools yet: declare a BackendPool.");
  at("pool-list").replaceChildren(...[...cards, more, empty].filter(Boolean));
  cards.find((card) => card.dataset.pool === focused)?.querySelector("summary").focus({ preventScroll: true });
}

async function loop() {
  if (!paused && !document.hidden) {
    try {
      await poll();
    } catch (error) {
      at("state").textContent = "no answer";
      at("state").className = "pill bad";
      at("notice").hidden = false;
      at("notice").textContent = `Weir does not answer (${error.message}). What is shown is old.`;
    }
  }
  setTimeout(loop, EVERY);
}

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").textContent = paused ? "Go on" : "Pause";
  at("pause").setAttribute("aria-pressed", String(paused));
});

at("explain").addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = new URLSearchParams();
  for (const [name, value] of new FormData(event.target)) if (value.trim()) question.append(name, value.trim());
  const output = at("explanation");
  output.hidden = false;
  try {
    const answer = await fetch(`api/v1/explain?${question}`, { cache: "no-store" });
    output.textContent = answer.ok ? await answer.text() : (await answer.json()).error;
  } catch (error) {
    output.textContent = `Weir does not answer (${error.message}).`;
  }
});

loop();
