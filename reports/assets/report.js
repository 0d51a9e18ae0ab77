// The page works without this script: it copies commands, opens folded parts
// that a link points into, and draws the timeline that can be zoomed.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);

  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText($(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }

  const reveal = () => {
    const target = $(location.hash.slice(1));
    if (!target) return;
    for (let d = target.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    target.scrollIntoView({ block: "nearest" });
  };
  addEventListener("hashchange", reveal);
  reveal();

  if (!$("tl") || !window.DecompressionStream) return;

  const T = JSON.parse($("tl-data").textContent);
  const READ = 0, WRITE = 1, INFO = 2, FAIL = 3, NEVER = 0xffffffff;
  const CLASSES = ["read", "write", "info", "fail"];
  const CLASS_WORDS = ["reads", "writes", "unknown", "failed"];
  const canvas = $("tl-canvas"), ctx = canvas.getContext("2d"), tip = $("tl-tip");

  const unpack = async () => {
    const packed = $("tl-ops").textContent.trim().replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const buf = await new Response(stream).arrayBuffer();
    const n = T.Ops.N, unit = T.Ops.Unit;
    const u32 = (i) => new Uint32Array(buf, 4 * n * i, n);
    const sums = (col, scale) => {
      const out = new Float64Array(n);
      let sum = 0;
      for (let k = 0; k < n; k++) out[k] = (sum = (sum + col[k]) >>> 0) * scale;
      return out;
    };
    const took = u32(1), start = sums(u32(0), unit), end = new Float64Array(n);
    for (let k = 0; k < n; k++) end[k] = took[k] === NEVER ? start[k] : start[k] + took[k] * unit;
    return {
      n, start, end, took, index: sums(u32(2), 1), session: u32(3),
      lane: new Uint16Array(buf, 16 * n, n), cls: new Uint8Array(buf, 18 * n, n),
      text: new TextDecoder().decode(new Uint8Array(buf, 19 * n)).split("\n"),
    };
  };

  // Operations of one leader that overlap in time go to different rows.
  const stack = (ops) => {
    const rows = T.Lanes.map(() => []), row = new Uint8Array(ops.n);
    for (let k = 0; k < ops.n; k++) {
      const free = rows[ops.lane[k]];
      let r = free.findIndex((until) => until <= ops.start[k]);
      if (r < 0) r = free.length < 12 ? free.length : free.indexOf(Math.min(...free));
      free[r] = ops.end[k];
      row[k] = r;
    }
    ops.row = row;
    ops.rows = rows.map((free) => Math.max(1, free.length));
  };

  const LEFT = 78, RIGHT = 26, STAGE = 22, FAULT = 18, LANE = 58, GAP = 10, CLOCK = 104, APART = 64, AXIS = 30, BIN = 3;
  const faultsTop = STAGE, lanesTop = STAGE + T.Rows * FAULT + GAP;
  const apartTop = lanesTop + T.Lanes.length * (LANE + GAP);
  const clocksTop = apartTop + (T.Apart ? APART + 14 : 0);
  const axisTop = clocksTop + (T.Clocks.length ? CLOCK + 14 : 0);
  const height = axisTop + AXIS;
  const laneTop = (l) => lanesTop + l * (LANE + GAP);

  let ops, view = [0, T.End], width = 800, colors = {}, drag = null, picked = -1, bins = null, atIndex = null;

  const plot = () => width - LEFT - RIGHT;
  const toX = (t) => LEFT + (t - view[0]) / (view[1] - view[0]) * plot();
  const toT = (x) => view[0] + (x - LEFT) / plot() * (view[1] - view[0]);
  const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));

  const setView = (from, to) => {
    const wide = clamp(to - from, Math.min(2000, T.End), T.End);
    const mid = (from + to) / 2;
    const lo = clamp(mid - wide / 2, 0, T.End - wide);
    view = [lo, lo + wide];
    hideTip();
    draw();
  };
  const zoom = (factor, x) => {
    const t = toT(x === undefined ? LEFT + plot() / 2 : x);
    const wide = clamp((view[1] - view[0]) * factor, Math.min(2000, T.End), T.End);
    const share = (t - view[0]) / (view[1] - view[0]);
    setView(t - share * wide, t + (1 - share) * wide);
  };
  const pan = (share) => setView(view[0] + share * (view[1] - view[0]), view[1] + share * (view[1] - view[0]));

  // Words for times. Digits follow the span that is shown.
  const stamp = (t) => {
    const wide = view[1] - view[0];
    const digits = wide > 5e9 ? 1 : wide > 5e8 ? 2 : wide > 5e7 ? 3 : wide > 5e6 ? 4 : 6;
    return (t / 1e9).toFixed(digits) + " s";
  };
  const span = (ns) => {
    const a = Math.abs(ns);
    const cut = (v) => String(Number(v.toPrecision(3)));
    if (a < 1e3) return cut(ns) + " ns";
    if (a < 1e6) return cut(ns / 1e3) + " µs";
    if (a < 1e9) return cut(ns / 1e6) + " ms";
    return cut(ns / 1e9) + " s";
  };
  const signed = (ns) => (ns > 0 ? "+" : "") + span(ns).replace("-", "−");
  const many = (n, noun) => n.toLocaleString("en") + " " + noun + (n === 1 ? "" : "s");

  const niceTicks = (lo, hi, n) => {
    let step = Math.pow(10, Math.floor(Math.log10((hi - lo) / n)));
    for (const m of [1, 2, 5, 10]) if ((hi - lo) / (step * m) <= n) { step *= m; break; }
    const at = [];
    for (let i = Math.ceil(lo / step); i * step <= hi + step * 1e-9; i++) at.push(i * step);
    return at;
  };

  const readColors = () => {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["card", "ink", "muted", "line", "soft", "link", "violated", "read", "write", "info", "fail",
      "partition", "clockfault", "other", "n0", "n1", "n2", "n3", "n4", "n5"]) {
      colors[name] = style.getPropertyValue("--" + name).trim();
    }
  };
  const faultColor = (f) => colors[f.Kind === "partition" ? "partition" : f.Kind === "clock" ? "clockfault" : "other"];

  const text = (s, x, y, color, align, font) => {
    ctx.fillStyle = color;
    ctx.textAlign = align || "left";
    ctx.font = font || "11px system-ui, sans-serif";
    ctx.fillText(s, x, y);
  };
  const line = (x0, y0, x1, y1, color, dash, alpha) => {
    ctx.save();
    ctx.strokeStyle = color;
    ctx.globalAlpha = alpha === undefined ? 1 : alpha;
    ctx.setLineDash(dash || []);
    ctx.beginPath();
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
    ctx.stroke();
    ctx.restore();
  };
  const fill = (x, y, w, h, color, alpha) => {
    ctx.globalAlpha = alpha === undefined ? 1 : alpha;
    ctx.fillStyle = color;
    ctx.fillRect(x, y, w, h);
    ctx.globalAlpha = 1;
  };

  const drawStages = () => {
    let free = LEFT;
    T.Stages.forEach((s) => {
      const x = toX(s.T);
      if (x < LEFT - 1 || x > width - RIGHT + 1) return;
      line(x, 4, x, axisTop, colors.muted, [1, 3], 0.6);
      ctx.font = "11px system-ui, sans-serif";
      const wide = ctx.measureText(s.Name).width + 10;
      if (x + 4 < free || x + wide > width) return;
      text(s.Name, x + 4, 14, colors.muted);
      free = x + wide;
    });
  };

  const edges = (f) => [f.Planned, f.Effective, f.Healing, f.Healed];
  const faultSpan = (f) => {
    const known = edges(f).filter((t) => t >= 0);
    return known.length ? [Math.min(...known), f.Healed >= 0 ? Math.max(...known) : T.End] : [0, 0];
  };
  const drawFault = (f) => {
    const y = faultsTop + f.Row * FAULT, color = faultColor(f);
    if (f.Effective >= 0) {
      const x0 = toX(f.Effective), x1 = Math.max(x0 + 1.5, toX(f.Healed >= 0 ? f.Healed : T.End));
      fill(x0, y + 3, x1 - x0, FAULT - 6, color, 0.55);
      for (const l of f.Lanes) fill(x0, laneTop(l), x1 - x0, LANE, color, 0.12);
      if (f.Kind === "clock" && T.Clocks.length) fill(x0, clocksTop, x1 - x0, CLOCK, color, 0.07);
      for (const t of [f.Effective, f.Healed]) if (t >= 0) f.Lanes.forEach((l) => line(toX(t), laneTop(l), toX(t), laneTop(l) + LANE, color, [], 0.9));
    }
    for (const t of [f.Planned, f.Healing]) if (t >= 0) f.Lanes.forEach((l) => line(toX(t), laneTop(l), toX(t), laneTop(l) + LANE, color, [3, 3], 0.9));
    if (f.Planned >= 0) {
      ctx.save();
      ctx.setLineDash([3, 2]);
      ctx.strokeStyle = colors.ink;
      ctx.globalAlpha = 0.7;
      ctx.strokeRect(toX(f.Planned), y + 3.5, toX(f.Healing >= 0 ? f.Healing : T.End) - toX(f.Planned), FAULT - 7);
      ctx.restore();
    }
  };
  const drawFaultLabels = () => {
    if (T.Rows < T.Faults.length) return;
    for (const f of T.Faults) {
      const [from, to] = faultSpan(f), words = f.ID + " " + f.What + (f.State === "effective" ? "" : " (" + f.State + ")");
      ctx.font = "11px system-ui, sans-serif";
      const wide = ctx.measureText(words).width, x0 = toX(from), x1 = toX(to), y = faultsTop + f.Row * FAULT + 13;
      if (x1 < LEFT || x0 > width - RIGHT) continue;
      if (x1 + 6 + wide < width - RIGHT) text(words, Math.max(x1, LEFT) + 6, y, colors.muted);
      else if (x0 - 6 - wide > LEFT) text(words, x0 - 6, y, colors.muted, "right");
      else text(words, clamp(x0 + 6, LEFT + 6, Math.max(LEFT + 6, width - RIGHT - wide)), y, colors.ink);
    }
  };

  // The first operation that could be visible is not known (one may last for
  // ever), so all are looked at: a comparison each.
  const visible = () => {
    const ks = [];
    for (let k = 0; k < ops.n; k++) if (ops.start[k] <= view[1] && ops.end[k] >= view[0]) ks.push(k);
    return ks;
  };

  const countBins = (ks) => {
    const n = Math.ceil(plot() / BIN), counts = T.Lanes.map(() => CLASSES.map(() => new Float64Array(n)));
    if (!T.Buckets) {
      for (const k of ks) {
        const b = Math.floor((toX(ops.start[k]) - LEFT) / BIN);
        if (b >= 0 && b < n) counts[ops.lane[k]][ops.cls[k]][b]++;
      }
      return { n, counts };
    }
    const per = T.Buckets[0].length / CLASSES.length;
    for (let b = 0; b < per; b++) {
      const x0 = (toX(T.End * b / per) - LEFT) / BIN, x1 = (toX(T.End * (b + 1) / per) - LEFT) / BIN;
      if (x1 < 0 || x0 > n) continue;
      for (let i = Math.max(0, Math.floor(x0)); i < Math.min(n, Math.ceil(x1)); i++) {
        const share = (Math.min(i + 1, x1) - Math.max(i, x0)) / (x1 - x0);
        T.Lanes.forEach((_, l) => CLASSES.forEach((_, c) => { counts[l][c][i] += T.Buckets[l][c * per + b] * share; }));
      }
    }
    return { n, counts };
  };
  const drawDensity = (ks, alpha) => {
    bins = countBins(ks);
    let peak = 1;
    for (const lane of bins.counts) for (let b = 0; b < bins.n; b++) peak = Math.max(peak, lane[0][b] + lane[1][b] + lane[2][b] + lane[3][b]);
    bins.counts.forEach((lane, l) => {
      for (let b = 0; b < bins.n; b++) {
        let y = laneTop(l) + LANE;
        for (const c of [READ, WRITE, INFO, FAIL]) {
          const h = lane[c][b] / peak * (LANE - 10);
          if (h > 0) fill(LEFT + b * BIN, y - h, BIN - 0.5, h, colors[CLASSES[c]], alpha);
          y -= h;
        }
      }
    });
    if (T.Buckets && T.End / (T.Buckets[0].length / CLASSES.length) > (view[1] - view[0]) * BIN / plot()) {
      return "the shade behind the bars is counts of " + span(T.End / (T.Buckets[0].length / CLASSES.length)) + " each, spread evenly";
    }
    return "a full lane is " + many(Math.round(peak), "operation") + " in " + span((view[1] - view[0]) * BIN / plot());
  };
  const barAt = (k) => {
    const rows = ops.rows[ops.lane[k]], h = Math.min(12, (LANE - 10) / rows), x = toX(ops.start[k]);
    const open = ops.took[k] === NEVER;
    return { x, y: laneTop(ops.lane[k]) + 8 + ops.row[k] * h, w: open ? 16 : Math.max(1.5, toX(ops.end[k]) - x), h: Math.max(1.5, h - 1.5), open };
  };
  const drawBars = (ks) => {
    for (const k of ks) {
      const b = barAt(k), x0 = Math.max(b.x, LEFT - 2);
      fill(x0, b.y, Math.max(1.5, b.x + b.w - x0), b.h, colors[CLASSES[ops.cls[k]]], b.open ? 0.45 : 1);
      if (b.w > 90 && b.h > 9) text(ops.text[k].slice(0, Math.floor((b.w - 8) / 6.5)), x0 + 4, b.y + b.h - 1.5, ops.cls[k] === WRITE ? colors.card : colors.ink, "left", "10px ui-monospace, monospace");
    }
  };
  const drawMarks = () => {
    for (const i of T.Marks) {
      const k = atIndex.get(i);
      if (k === undefined) continue;
      const x = toX(ops.start[k]), y = laneTop(ops.lane[k]);
      if (x < LEFT || x > width - RIGHT) continue;
      ctx.fillStyle = colors.violated;
      ctx.beginPath();
      ctx.moveTo(x, y + 6);
      ctx.lineTo(x - 4, y - 1);
      ctx.lineTo(x + 4, y - 1);
      ctx.fill();
    }
    if (picked < 0) return;
    const b = barAt(picked);
    ctx.save();
    ctx.strokeStyle = colors.violated;
    ctx.lineWidth = 2;
    if (bins) line(b.x, laneTop(ops.lane[picked]), b.x, laneTop(ops.lane[picked]) + LANE, colors.violated);
    else ctx.strokeRect(b.x - 2.5, b.y - 2.5, b.w + 5, b.h + 5);
    ctx.restore();
  };

  // How far leaders were apart: shares of the keys in use, in thousandths.
  // Sample i is of the time (i + 1) · Step, and drawn half a step to both sides.
  const apartX = (i) => toX((i + 0.5) * T.Apart.Step);
  const shareY = (share) => apartTop + APART - APART * share / 1000;
  const drawApart = () => {
    if (!T.Apart) return;
    for (const v of [0, 500, 1000]) {
      line(LEFT, shareY(v), width - RIGHT, shareY(v), colors.line);
      text(v / 10 + " %", LEFT - 6, shareY(v) + 4, colors.muted, "right");
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT, apartTop - 1, plot(), APART + 2);
    ctx.clip();
    (T.Apart.Behind || []).forEach((share, i) => {
      const x = apartX(i);
      if (share > 0) fill(x, shareY(share), apartX(i + 1) - x, APART * share / 1000, colors.violated, 0.45);
    });
    ctx.strokeStyle = colors.muted;
    ctx.beginPath();
    T.Apart.Differ.forEach((share, i, all) => {
      if (share < 0) return;
      if (i && all[i - 1] >= 0) ctx.lineTo(apartX(i), shareY(share));
      else ctx.moveTo(apartX(i), shareY(share));
      ctx.lineTo(apartX(i + 1), shareY(share));
    });
    ctx.stroke();
    ctx.restore();
  };

  const clockRange = () => {
    let lo = 0, hi = 0;
    for (const c of T.Clocks) {
      for (const p of c.Points) { lo = Math.min(lo, p[1]); hi = Math.max(hi, p[1]); }
      for (const p of c.Planned) { lo = Math.min(lo, p[1], p[3]); hi = Math.max(hi, p[1], p[3]); }
    }
    const air = Math.max((hi - lo) * 0.08, 1e6);
    return [lo - air, hi + air];
  };
  const [clockLo, clockHi] = clockRange();
  const clockY = (off) => clocksTop + CLOCK - CLOCK * (off - clockLo) / (clockHi - clockLo);
  const drawClocks = () => {
    if (!T.Clocks.length) return;
    for (const v of niceTicks(clockLo, clockHi, 4)) {
      line(LEFT, clockY(v), width - RIGHT, clockY(v), colors.line);
      text(v === 0 ? "clocks ±0" : signed(v), LEFT - 6, clockY(v) + 4, colors.muted, "right");
    }
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT, clocksTop, plot(), CLOCK);
    ctx.clip();
    T.Clocks.forEach((c, n) => {
      const color = colors["n" + n % 6];
      for (const p of c.Planned) line(toX(p[0]), clockY(p[1]), toX(p[2]), clockY(p[3]), color, [4, 3], 0.7);
      ctx.strokeStyle = color;
      ctx.lineWidth = 1.6;
      ctx.beginPath();
      c.Points.forEach((p, i) => (i ? ctx.lineTo(toX(p[0]), clockY(p[1])) : ctx.moveTo(toX(p[0]), clockY(p[1]))));
      ctx.stroke();
      if (c.Points.length < 400 && plot() / (view[1] - view[0]) > 6 * c.Points.length / T.End) {
        for (const p of c.Points) fill(toX(p[0]) - 1.5, clockY(p[1]) - 1.5, 3, 3, color);
      }
    });
    ctx.restore();
    let x = LEFT + 8;
    T.Clocks.forEach((c, n) => {
      text(c.Node, x, clocksTop + 12, colors["n" + n % 6], "left", "600 11px system-ui, sans-serif");
      x += ctx.measureText(c.Node).width + 14;
    });
  };

  const drawAxis = () => {
    line(LEFT, axisTop + 0.5, width - RIGHT, axisTop + 0.5, colors.muted);
    for (const v of niceTicks(view[0] / 1e9, view[1] / 1e9, Math.max(2, Math.floor(plot() / 100)))) {
      const x = toX(v * 1e9);
      line(x, axisTop, x, axisTop + 5, colors.muted);
      text(stamp(v * 1e9), x, axisTop + 18, colors.muted, "center");
    }
  };

  const draw = () => {
    if (!ops) return;
    width = Math.max(320, canvas.clientWidth);
    const scale = window.devicePixelRatio || 1;
    canvas.style.height = height + "px";
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.lineWidth = 1;
    T.Lanes.forEach((name, l) => fill(LEFT, laneTop(l), plot(), LANE, colors.soft));
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT - 1, 0, plot() + 2, height);
    ctx.clip();
    T.Faults.forEach(drawFault);
    const ks = visible(), dense = ks.length > plot() * T.Lanes.length / 4;
    bins = null;
    let words = "";
    if (dense) words = drawDensity(ks, 1);
    else if (T.Buckets) words = drawDensity(ks, ks.length ? 0.3 : 1);
    if (!dense) drawBars(ks);
    if (!dense && ks.length) bins = null;
    drawMarks();
    drawFaultLabels();
    ctx.restore();
    drawStages();
    drawApart();
    drawClocks();
    drawAxis();
    T.Lanes.forEach((name, l) => text(name.length > 8 ? name.slice(0, 7) + "…" : name, 10, laneTop(l) + LANE / 2 + 4, colors.ink, "left", "600 13px system-ui, sans-serif"));
    if (drag && drag.moved && !drag.pans) fill(Math.min(drag.x, drag.now), 0, Math.abs(drag.now - drag.x), axisTop, colors.link, 0.15);
    $("tl-span").textContent = stamp(view[0]) + " to " + stamp(view[1]) + (words ? "; " + words : "");
  };

  const showTip = (words, x, y) => {
    tip.textContent = words;
    tip.hidden = false;
    const left = x + tip.offsetWidth + 20 > width ? x - tip.offsetWidth - 12 : x + 14;
    tip.style.left = Math.max(0, left) + "px";
    tip.style.top = canvas.offsetTop + y + 14 + "px";
  };
  const hideTip = () => { tip.hidden = true; };
  const describe = (k) => "#" + ops.index[k] + "  " + ops.text[k] + "\n" + T.Lanes[ops.lane[k]] + ", session " + ops.session[k] + ", " +
    ["ok", "ok", "unknown", "failed"][ops.cls[k]] + "\n" + (ops.start[k] / 1e9).toFixed(6) + " s, " + (ops.took[k] === NEVER ? "never answered" : "took " + span(ops.end[k] - ops.start[k]));
  const opUnder = (x, y) => {
    let best = -1, far = 5;
    for (const k of visible()) {
      const b = barAt(k);
      if (y < b.y - 2 || y > b.y + b.h + 2) continue;
      const d = x < b.x ? b.x - x : x > b.x + b.w ? x - b.x - b.w : 0;
      if (d < far) { far = d; best = k; }
    }
    return best;
  };
  const wordsUnder = (x, y) => {
    const f = T.Faults.find((f) => {
      const [from, to] = faultSpan(f), top = faultsTop + f.Row * FAULT;
      return y >= top && y < top + FAULT && x >= toX(from) - 3 && x <= toX(to) + 3;
    });
    if (f) {
      const at = (t) => (t < 0 ? "never" : (t / 1e9).toFixed(3) + " s");
      return "fault " + f.ID + ": " + f.What + "\n" + f.State + "\nplanned " + at(f.Planned) + " to " + at(f.Healing) + "\nmeasured " + at(f.Effective) + " to " + at(f.Healed);
    }
    if (y < STAGE) {
      const near = T.Stages.filter((s) => Math.abs(toX(s.T) - x) < 40);
      return near.map((s) => s.Name + " at " + (s.T / 1e9).toFixed(3) + " s" + (s.Note ? ": " + s.Note : "")).join("\n");
    }
    const l = T.Lanes.findIndex((_, l) => y >= laneTop(l) && y < laneTop(l) + LANE);
    if (l >= 0 && bins) {
      const b = Math.floor((x - LEFT) / BIN);
      if (b < 0 || b >= bins.n) return "";
      const parts = CLASSES.map((_, c) => [Math.round(bins.counts[l][c][b]), CLASS_WORDS[c]]).filter((p) => p[0] > 0);
      return T.Lanes[l] + " at " + stamp(toT(x)) + ", in " + span((view[1] - view[0]) * BIN / plot()) + "\n" + (parts.map((p) => p[0] + " " + p[1]).join(", ") || "nothing");
    }
    if (l >= 0) {
      const k = opUnder(x, y);
      return k >= 0 ? describe(k) : "";
    }
    if (T.Apart && y >= apartTop && y < apartTop + APART) {
      const i = Math.round(toT(x) / T.Apart.Step) - 1, differ = T.Apart.Differ[i], behind = T.Apart.Behind && T.Apart.Behind[i];
      if (differ === undefined) return "";
      if (differ < 0) return stamp(toT(x)) + "\nno key in use was read at two leaders";
      return stamp(toT(x)) + (T.Apart.Behind ? "\na leader is behind in " + behind / 10 + " % of the keys in use" : "") + "\nlast read differently: " + differ / 10 + " %";
    }
    if (T.Clocks.length && y >= clocksTop && y < clocksTop + CLOCK) {
      const t = toT(x);
      return stamp(t) + T.Clocks.map((c) => {
        const p = c.Points.reduce((a, p) => (!a || Math.abs(p[0] - t) < Math.abs(a[0] - t) ? p : a), null);
        return p ? "\n" + c.Node + " " + signed(p[1]) + " measured at " + (p[0] / 1e9).toFixed(2) + " s" : "";
      }).join("");
    }
    return "";
  };

  const wire = () => {
    const at = (e) => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
    canvas.addEventListener("pointerdown", (e) => {
      if (e.button > 1) return;
      const [x] = at(e);
      drag = { x, now: x, moved: false, pans: e.shiftKey || e.button === 1 || e.pointerType === "touch", view: view.slice() };
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      const [x, y] = at(e);
      if (!drag) {
        const words = x > LEFT ? wordsUnder(x, y) : "";
        if (words) showTip(words, x, y); else hideTip();
        return;
      }
      drag.now = clamp(x, LEFT, width - RIGHT);
      drag.moved = drag.moved || Math.abs(x - drag.x) > 4;
      if (!drag.moved) return;
      if (drag.pans) {
        const by = (drag.x - x) / plot() * (drag.view[1] - drag.view[0]);
        setView(drag.view[0] + by, drag.view[1] + by);
      } else draw();
    });
    const drop = (zooms) => {
      const d = drag;
      drag = null;
      if (d && d.moved && !d.pans && zooms) setView(toT(Math.min(d.x, d.now)), toT(Math.max(d.x, d.now)));
      else draw();
    };
    canvas.addEventListener("pointerup", () => drop(true));
    canvas.addEventListener("pointercancel", () => drop(false));
    canvas.addEventListener("pointerleave", () => { if (!drag) hideTip(); });
    canvas.addEventListener("dblclick", () => setView(0, T.End));
    canvas.addEventListener("wheel", (e) => {
      if (e.ctrlKey || e.metaKey || document.activeElement === canvas) {
        e.preventDefault();
        if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan(e.deltaX / plot());
        else zoom(Math.exp(clamp(e.deltaY, -200, 200) / 300), at(e)[0]);
      }
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const keys = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => setView(0, T.End), ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2) };
      if (!keys[e.key] || e.ctrlKey || e.metaKey) return;
      e.preventDefault();
      keys[e.key]();
    });
    $("tl-in").addEventListener("click", () => zoom(0.5));
    $("tl-out").addEventListener("click", () => zoom(2));
    $("tl-all").addEventListener("click", () => setView(0, T.End));
    for (const a of document.querySelectorAll("a[data-op]")) {
      a.addEventListener("click", (e) => { if (jump(Number(a.dataset.op))) e.preventDefault(); });
    }
    new ResizeObserver(() => { if (canvas.clientWidth !== width) draw(); }).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); draw(); });
  };

  // Show one operation with some dozen others on each side.
  const jump = (index) => {
    const k = atIndex.get(index);
    if (k === undefined) return false;
    picked = k;
    const around = Math.max(ops.start[Math.min(ops.n - 1, k + 12)] - ops.start[k], ops.start[k] - ops.start[Math.max(0, k - 12)], 3 * (ops.end[k] - ops.start[k]), 1e4);
    setView(ops.start[k] - around, ops.start[k] + around);
    canvas.scrollIntoView({ block: "center" });
    const b = barAt(k);
    showTip(describe(k), b.x, b.y);
    return true;
  };

  unpack().then((unpacked) => {
    ops = unpacked;
    stack(ops);
    atIndex = new Map();
    for (let k = 0; k < ops.n; k++) atIndex.set(ops.index[k], k);
    readColors();
    $("tl").hidden = false;
    draw();
    $("tl-static").hidden = true;
    wire();
    const asked = new URLSearchParams(location.search).get("op"); // report.html?op=17
    if (asked) jump(Number(asked));
  }).catch((err) => {
    console.warn("mlcheck: the timeline stays a picture:", err);
    $("tl").hidden = true;
    $("tl-static").hidden = false;
  });
})();
