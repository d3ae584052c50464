# SPDX-License-Identifier: Apache-2.0
"""The page's style sheet: light and dark, narrow and wide, and paper."""

from __future__ import annotations

STYLE = """\
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--quiet:#4d5660;--line:#c4cbd3;
--raised:#f4f6f8;--link:#0a52b0;--good:#0f5f33;--good-paper:#dff5e6;--bad:#a0111a;
--bad-paper:#ffe5e3;--warn:#7a4a00}
@media screen and (prefers-color-scheme:dark){:root{--paper:#0f1318;--ink:#e8ecf0;
--quiet:#aab4bf;--line:#3a434e;--raised:#191f27;--link:#86c0ff;--good:#7fdca5;
--good-paper:#12301f;--bad:#ff9b96;--bad-paper:#3b1416;--warn:#ffc06b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
header,main,footer{max-width:72rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
footer{padding-top:1rem;padding-bottom:2rem;color:var(--quiet)}
a{color:var(--link)}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:.5rem;padding:.5rem 1rem;background:var(--raised)}
nav ul{margin:.5rem 0;padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
h1{font-size:1.75rem;line-height:1.25;margin:0}
h2{font-size:1.35rem;margin:2.5rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
p{margin:.5rem 0}
.quiet{color:var(--quiet)}
.verdict{padding:.6rem .9rem;border-left:5px solid;border-radius:3px}
.verdict.good{background:var(--good-paper);border-color:var(--good)}
.verdict.bad{background:var(--bad-paper);border-color:var(--bad)}
dl{display:grid;grid-template-columns:minmax(6.5rem,max-content) 1fr;gap:.2rem 1rem;margin:.75rem 0}
dt{color:var(--quiet)}
dd{margin:0}
.scroll{overflow-x:auto;margin:.75rem 0}
.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:3px solid var(--link);
outline-offset:2px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.25rem 0;color:var(--quiet)}
caption span{display:inline-block;position:sticky;left:0;max-width:calc(100vw - 2rem)}
th,td{padding:.3rem .75rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);
overflow-wrap:normal}
th{font-weight:600}
tbody th:not(.number){min-width:8rem}
thead th{background:var(--raised)}
thead th,.number{white-space:nowrap}
td:last-child:not(.number){min-width:14rem}
th.number,td.number{text-align:right}
tr.bad{background:var(--bad-paper)}
tr.bad th{color:var(--bad)}
pre{margin:0;padding:.75rem 1rem;background:var(--raised);border-radius:3px;width:max-content;
min-width:100%;font:.875rem/1.5 ui-monospace,monospace;overflow-wrap:normal}
pre .err{color:var(--bad);font-weight:600}
pre .warn{color:var(--warn);font-weight:600}
details{margin:.75rem 0}
summary{cursor:pointer;padding:.25rem 0}
figure{margin:0}
figure svg{display:block;width:100%;min-width:720px;max-width:960px;height:auto}
@media print{body{font-size:10pt}header,main,footer{max-width:none;padding:0}
.skip,nav{display:none}.scroll{overflow:visible}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
table{font-size:8.5pt;max-width:100%}caption span{max-width:none}
th,td{padding:2pt 5pt}th,.number{white-space:normal}
thead{display:table-header-group}tr,figure,dl,.verdict{break-inside:avoid}
h1,h2,h3,caption{break-after:avoid}
pre{width:auto;white-space:pre-wrap;overflow-wrap:anywhere}figure svg{min-width:0}
details:not(.raw)::details-content{content-visibility:visible;block-size:auto}}
"""
