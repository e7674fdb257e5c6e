/** How the HTML review looks: in light and dark, from a phone's width up. */
export const htmlStyle = `
:root{color-scheme:light dark;--deep:.5rem;--line:#8886;--bad:#b00020;--good:#0a7a2f;--dim:#666;--mark:#ffe9a8;--back:#fff;--link:#0645ad;--ink:#111;--box:#f4f4f4}
@media(prefers-color-scheme:dark){:root{--bad:#ff8a80;--good:#7bd88f;--dim:#aaa;--mark:#5a4a00;--back:#16181c;--link:#8ab4f8;--ink:#e8e8e8;--box:#22252b}}
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:90rem;padding:1rem;background:var(--back);color:var(--ink)}
h1{font-size:1.4rem;margin:0}h2{font-size:1.15rem}
.wide{overflow:auto;max-height:70vh;border:1px solid var(--line)}
table{border-collapse:collapse;font-size:.85rem}th,td{padding:.2rem .45rem;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
thead th{position:sticky;top:0;background:var(--box);white-space:normal;overflow-wrap:anywhere;min-width:5.5rem;vertical-align:bottom;z-index:2}
#cell td{white-space:normal;vertical-align:top;overflow-wrap:anywhere;min-width:4rem}#cell .wide{max-height:none}#cell pre{overflow:auto;max-height:70vh;border:1px solid var(--line);padding:.4rem}#cell .solo{max-height:30vh;margin:.5rem 0}#cell h3{font-size:1rem;margin:.8rem 0 .2rem}
a{color:var(--link)}#cell:focus{outline-offset:2px}
tbody th{position:sticky;left:0;background:var(--back);font-weight:500;z-index:1;min-width:11rem;max-width:14rem;white-space:normal;overflow-wrap:anywhere}
#matrix a{text-decoration:none;display:block}#matrix th a{color:inherit}#matrix td a{color:var(--dim)}#matrix a:hover,#matrix a:focus{text-decoration:underline}
#matrix a.breaks{color:var(--bad);font-weight:600}#matrix a.survives{color:var(--good)}#matrix a[aria-current]{outline:2px solid}
fieldset{border:0;padding:0;margin:.6rem 0;display:flex;flex-wrap:wrap;gap:.2rem .9rem}legend{float:left;margin-right:.9rem;color:var(--dim)}
#cell{border:1px solid var(--line);padding:.6rem .8rem;margin-top:1rem;scroll-margin-top:.5rem}#cell h2{margin:.1rem 0}#cell p{margin:.25rem 0;overflow-wrap:anywhere}
.choices{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin-top:.5rem}.choices label{max-width:100%}
.hint{color:var(--dim);font-size:.9rem;margin:.4rem 0}.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.bar{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center;position:sticky;top:0;background:var(--back);padding:.4rem 0;z-index:3}
button,select{font:inherit;padding:.25rem .7rem;max-width:100%}input[type=range]{flex:1;min-width:7rem}
code,pre,.lanes,.state{font:13px/1.5 ui-monospace,monospace}code{overflow-wrap:anywhere}
.stepper{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:1rem}
.two{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem}.two .stepper{grid-template-columns:minmax(0,1fr);gap:.3rem}.two .lanes{height:55vh;max-height:none}
.name{font-size:1rem;margin:.3rem 0}.parts{font-weight:600;border-top:2px dashed;border-bottom:2px dashed;padding:0 .4rem;color:var(--bad)}
.lanes{overflow:auto;max-height:65vh;border:1px solid var(--line)}
.lane-heads,.line{display:grid;grid-template-columns:repeat(var(--lanes),minmax(0,1fr))}
.lane-heads{position:sticky;top:0;background:var(--box);font-weight:600}.lane-heads span,.line>span{padding:0 .4rem;overflow-wrap:anywhere}
.line{color:inherit;text-decoration:none;border-left:3px solid transparent}.line.later{opacity:.45}.line[aria-current]{background:var(--mark);border-color:currentColor;opacity:1}
.line .broken,.line .signal,.line .bug{color:var(--bad);font-weight:600}.line .fixture{font-weight:600}.line .call,.line .end{color:var(--dim)}.line>span,.state div{white-space:pre-wrap}.whole{white-space:pre}
.state h3{font-size:.9rem;margin:.5rem 0 .1rem}.state div{overflow-wrap:anywhere}.state .now{background:var(--mark)}.state s{color:var(--dim)}
dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}
@media(max-width:45rem){:root{--deep:.3rem}.stepper,.two{grid-template-columns:minmax(0,1fr)}.lanes{max-height:45vh}.two .lanes{height:32vh}body{padding:.6rem}tbody th{min-width:7rem;max-width:8rem}
.lane-heads,.line{display:block}.lane-heads span,.line>span{display:block;margin-left:calc(var(--lane)*1.1rem);border-left:2px solid var(--dim)}.line>span:empty{display:none}}
`.replaceAll('\n', '');
