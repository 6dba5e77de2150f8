// The style sheet at `/chat.css`. Dark and light follow the system; one breakpoint, for phones.

export const style: string = String.raw`
:root {
  color-scheme: light dark;
  --paper: light-dark(#ffffff, #191b20); --side: light-dark(#f5f3f0, #121317);
  --ink: light-dark(#1d1b19, #eceae6); --soft: light-dark(#6b645c, #a39d94);
  --line: light-dark(#e5e0d9, #2e3036); --bubble: light-dark(#f1eeea, #25272e);
  --brand: light-dark(#b4432d, #f0907a); --on-brand: light-dark(#ffffff, #2a0d06);
  --mine: light-dark(#fbe6df, #46261e); --good: light-dark(#2e7d4f, #6fcf97); --bad: light-dark(#b3261e, #ff9a92);
}
* { box-sizing: border-box; }
html { height: 100%; }
body {
  margin: 0; height: 100dvh; display: grid; grid-template-columns: 17rem minmax(0, 1fr);
  font: 16px/1.45 system-ui, sans-serif; background: var(--paper); color: var(--ink);
}
h1, h2, p, ol, ul { margin: 0; padding: 0; } ol, ul { list-style: none; }
button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; }
[hidden] { display: none !important; }
svg { width: 1.15rem; height: 1.15rem; display: block; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
.icon { display: grid; place-items: center; width: 2.5rem; height: 2.5rem; flex: none; border: 0; border-radius: 10px; background: none; }
:focus-visible { outline: 2px solid var(--brand); outline-offset: 2px; }
.face {
  display: inline-grid; place-items: center; flex: none; width: 2rem; height: 2rem; border-radius: 50%;
  font: 600 .8rem/1 system-ui, sans-serif; color: #fff; background: oklch(52% .12 var(--hue, 0));
}

/* The side: rooms, people, oneself. A drawer on phones. */
#side {
  display: flex; flex-direction: column; gap: 1.5rem; position: static; inset: auto; margin: 0; height: auto; width: auto; max-height: none;
  min-height: 0; border: 0; border-right: 1px solid var(--line); padding: 1.1rem .75rem .75rem; background: var(--side); color: inherit; overflow-y: auto;
}
#side h2 { font-size: .8rem; font-weight: 600; color: var(--soft); padding: 0 .6rem .4rem; }
#rooms a {
  display: flex; align-items: center; justify-content: space-between; gap: .5rem; padding: .4rem .6rem; border-radius: 9px;
  color: inherit; text-decoration: none; overflow-wrap: anywhere;
}
#rooms a::before { content: "#"; color: var(--soft); } #rooms a span { flex: 1; }
#rooms a:hover { background: var(--line); }
#rooms a[aria-current] { background: var(--mine); font-weight: 600; } #rooms a[aria-current]::before { color: var(--brand); }
#rooms small { font-size: .8rem; font-variant-numeric: tabular-nums; opacity: .8; }
#open { display: flex; align-items: center; margin-top: .4rem; }
#open input { flex: 1; min-width: 0; border: 0; border-radius: 9px; background: none; padding: .45rem .6rem; }
#open input::placeholder { color: var(--soft); opacity: 1; } #open input:focus { background: var(--paper); }
#side section { flex: 1; min-height: 6rem; }
#people li { display: flex; align-items: center; gap: .6rem; padding: .25rem .6rem; overflow-wrap: anywhere; }
#people .face { width: 1.6rem; height: 1.6rem; font-size: .7rem; }
#me {
  display: grid; grid-template-columns: auto 1fr; column-gap: .6rem; align-items: center; text-align: left; padding: .5rem .6rem;
  border: 1px solid var(--line); border-radius: 12px; background: var(--paper); position: sticky; bottom: 0;
}
#me .face { grid-row: span 2; } #me span { font-weight: 600; line-height: 1.2; overflow-wrap: anywhere; } #me small { color: var(--soft); line-height: 1.2; }
#me:hover { border-color: var(--brand); }
#me:has(span:empty) { visibility: hidden; }

/* The room. */
main { display: flex; flex-direction: column; min-height: 0; min-width: 0; position: relative; }
header { display: flex; align-items: center; gap: .5rem; padding: .6rem 1.25rem; min-height: 3.75rem; border-bottom: 1px solid var(--line); }
header div { min-width: 0; flex: 1; }
h1 { font-size: 1.1rem; line-height: 1.25; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; } 
h1:not(:empty)::before { content: "#"; color: var(--soft); font-weight: 400; margin-right: .15em; }
#count { font-size: .85rem; color: var(--soft); line-height: 1.25; }
#menu { display: none; }
#line { display: flex; align-items: center; gap: .5rem; font-size: .85rem; color: var(--soft); }
#line[data-state]::before { content: ""; width: .5rem; height: .5rem; border-radius: 50%; background: currentColor; flex: none; }
#line[data-state=open]::before { background: var(--good); }
#line[data-state=lost] { color: var(--bad); } body:has(#line[data-state=lost]) :is(#people, #count) { opacity: .5; }
#line[data-state=opening]::before { animation: breathe 1.2s ease-in-out infinite alternate; }
@keyframes breathe { to { opacity: .25; } }
#retry { border: 1px solid currentColor; border-radius: 99px; background: none; padding: .1rem .7rem; color: inherit; white-space: nowrap; }

#scroll { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; outline-offset: -2px; padding: 1rem 1.25rem .5rem; display: flex; flex-direction: column; }
#scroll > * { width: 100%; max-width: 48rem; margin-inline: auto; }
#log { margin-top: auto; }
#empty { margin: auto; text-align: center; color: var(--soft); } #empty:not([hidden]) + #log { margin-top: 0; }
#earlier, #newer { width: auto; border: 1px solid var(--line); border-radius: 99px; background: var(--paper); padding: .3rem 1rem; font-size: .9rem; }
#earlier:hover, #newer:hover { border-color: var(--brand); }
#earlier { flex: none; margin-bottom: 1rem; }
.day { display: flex; align-items: center; gap: .9rem; margin: 1.1rem 0 .9rem; font-size: .8rem; font-weight: 600; color: var(--soft); }
.day::before, .day::after { content: ""; flex: 1; height: 1px; background: var(--line); }

.message { display: grid; grid-template-columns: 2rem minmax(0, auto); column-gap: .6rem; justify-content: start; align-items: end; margin-top: .85rem; }
.message.more { margin-top: .2rem; } .message.more .author, .message.more .face { visibility: hidden; } .message.more .author { display: none; }
.message .face { grid-row: 2; align-self: start; margin-top: .15rem; }
.message .author { grid-column: 2; grid-row: 1; font-size: .85rem; font-weight: 600; padding-left: .15rem; margin-bottom: .15rem; color: light-dark(oklch(47% .13 var(--hue)), oklch(80% .1 var(--hue))); }
.bubble {
  grid-column: 2; grid-row: 2; display: flow-root; max-width: min(38rem, 78vw); width: fit-content; padding: .45rem .8rem; border-radius: 16px;
  background: var(--bubble); white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext;
}
.bubble a { color: inherit; text-underline-offset: 2px; }
/* Beside the last line of the text where there is room for it, below it otherwise. */
.bubble time, .bubble .state { float: right; margin: .3rem 0 -.15rem .7rem; font-size: .72rem; line-height: 1.5; color: var(--soft); white-space: nowrap; }
.mine time::after, .waiting .state::before {
  content: ""; display: inline-block; width: .8em; height: .8em; margin-inline: .35em; vertical-align: -.08em; background: currentColor; mask: var(--icon) center / contain no-repeat;
  --icon: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2'><path d='m2 9 4 4 8-10'/></svg>");
}
.mine time::after { margin-right: 0; }
.waiting .state::before { margin-left: 0; --icon: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2'><circle cx='8' cy='8' r='6.5'/><path d='M8 4v4.5l3 2'/></svg>"); }
.message.mine { grid-template-columns: minmax(0, auto); justify-content: end; } .message.mine .face, .message.mine .author { display: none; }
.message.mine .bubble { grid-column: 1; background: var(--mine); }
.waiting .bubble { opacity: .75; } .refused .state { color: var(--bad); }
.refused button { margin-left: .5em; border: 0; background: none; padding: 0; text-decoration: underline; text-underline-offset: 2px; font-size: inherit; }

footer { position: relative; padding: 0 1.25rem calc(.6rem + env(safe-area-inset-bottom)); }
footer > * { max-width: 48rem; margin-inline: auto; }
#newer { position: absolute; bottom: 100%; left: 50%; transform: translateX(-50%); margin-bottom: .3rem; background: var(--brand); color: var(--on-brand); border-color: transparent; white-space: nowrap; }
#typing { height: 1.4rem; padding-left: .9rem; font-size: .8rem; line-height: 1.4rem; color: var(--soft); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
#say { display: flex; align-items: flex-end; gap: .25rem; border: 1px solid var(--line); border-radius: 18px; padding: .3rem; background: var(--paper); }
#say:focus-within { border-color: var(--brand); box-shadow: 0 0 0 1px var(--brand); }
#say textarea { flex: 1; min-width: 0; resize: none; border: 0; outline: 0; background: none; padding: .5rem .6rem; max-height: 9.5rem; field-sizing: content; line-height: 1.45; }
textarea::placeholder { color: var(--soft); opacity: 1; }
#say .icon { background: var(--brand); color: var(--on-brand); border-radius: 50%; } #say .icon:hover { filter: brightness(1.08); }
#hint { text-align: center; font-size: .75rem; color: var(--soft); padding-top: .45rem; }
kbd { font: inherit; border: 1px solid var(--line); border-radius: 5px; padding: 0 .3em; }

dialog { border: 1px solid var(--line); border-radius: 18px; padding: 1.5rem; width: min(24rem, 92vw); background: var(--paper); color: var(--ink); }
dialog::backdrop { background: rgb(0 0 0 / .5); }
dialog form { display: grid; gap: .75rem; } dialog h2 { font-size: 1.25rem; } dialog p { color: var(--soft); margin-top: -.5rem; }
dialog input { border: 1px solid var(--line); border-radius: 10px; padding: .6rem .75rem; background: var(--paper); min-width: 0; }
dialog output { color: var(--bad); font-size: .9rem; } dialog output:empty { display: none; }
.go { border: 0; border-radius: 10px; padding: .65rem 1rem; font-weight: 600; background: var(--brand); color: var(--on-brand); } .go:hover { filter: brightness(1.08); }

@media (max-width: 46rem) {
  body { grid-template-columns: minmax(0, 1fr); }
  #side:not(:popover-open) { display: none; }
  #side:popover-open { position: fixed; inset: 0 auto 0 0; width: min(19rem, 85vw); height: 100dvh; padding-bottom: calc(.75rem + env(safe-area-inset-bottom)); }
  #side::backdrop { background: rgb(0 0 0 / .45); }
  #menu { display: grid; margin-left: -.5rem; }
  header, #scroll, footer { padding-inline: .85rem; }
  header { flex-wrap: wrap; } #line[data-state=lost] { flex-basis: 100%; } #line[data-state=lost] span { flex: 1; }
  #hint { display: none; }
  #line[data-state=open] span { position: absolute; clip-path: inset(50%); }
}
@media (hover: none) { #hint { display: none; } }
@media (hover: hover) { .icon:hover { background: var(--bubble); } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }
`
