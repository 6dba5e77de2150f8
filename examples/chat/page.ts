// The page at `/` and `/r/<room>`: plain HTML; `/chat.css` and `/chat.js` stand beside it.

import { namePattern, textLengthMax } from './protocol.ts'

export const page: string = String.raw`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="theme-color" media="(prefers-color-scheme: light)" content="#ffffff">
<meta name="theme-color" media="(prefers-color-scheme: dark)" content="#191b20">
<title>Chat · Sluice</title>
<link rel="icon" href="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='%23b4432d'/><path d='M3.5 4.5h9v6h-5l-2.5 2v-2H3.5z' fill='white'/></svg>">
<link rel="stylesheet" href="/chat.css">
<script type="module" src="/chat.js"></script>

<aside id="side" popover aria-label="Rooms and people">
  <nav aria-labelledby="rooms-title">
    <h2 id="rooms-title">Rooms</h2>
    <ul id="rooms"></ul>
    <form id="open">
      <input name="room" aria-label="Open or make a room" placeholder="Open or make a room" maxlength="32" autocomplete="off" autocapitalize="none" enterkeyhint="go">
      <button class="icon" aria-label="Go to this room"><svg viewBox="0 0 16 16"><path d="M8 3v10M3 8h10"/></svg></button>
    </form>
  </nav>
  <section aria-labelledby="people-title">
    <h2 id="people-title">Here now</h2>
    <ul id="people"></ul>
  </section>
  <button id="me" title="Change your name"><i class="face" aria-hidden="true"></i><span></span><small>Change name</small></button>
</aside>

<main>
  <header>
    <button class="icon" id="menu" popovertarget="side" aria-label="Rooms and people"><svg viewBox="0 0 16 16"><path d="M2 4h12M2 8h12M2 12h12"/></svg></button>
    <div><h1 id="room"></h1><p id="count"></p></div>
    <p id="line" role="status"><span></span><button id="retry" hidden>Try now</button></p>
  </header>
  <div id="scroll" tabindex="0">
    <button id="earlier" hidden>Show earlier messages</button>
    <p id="empty" hidden>Nothing has been said here yet.</p>
    <ol id="log" role="log" aria-label="Messages"></ol>
    <ol id="outbox" aria-label="Messages on the way"></ol>
  </div>
  <footer>
    <button id="newer" hidden></button>
    <p id="typing" aria-hidden="true"></p>
    <form id="say">
      <textarea name="text" rows="1" maxlength="${textLengthMax}" aria-label="Message" enterkeyhint="send" autocomplete="off"></textarea>
      <button class="icon" aria-label="Send"><svg viewBox="0 0 16 16"><path d="M8 13V3M3.5 7.5 8 3l4.5 4.5"/></svg></button>
    </form>
    <p id="hint"><kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> starts a line, <kbd>Alt</kbd> with up or down changes the room</p>
  </footer>
</main>

<dialog id="welcome" aria-labelledby="welcome-title">
  <form method="dialog">
    <h2 id="welcome-title">What shall we call you?</h2>
    <p>Everybody in the room sees this name.</p>
    <input name="name" aria-label="Your name" required maxlength="24" pattern="${namePattern.source}"
      title="Up to 24 letters, digits, spaces, dots and dashes" autocomplete="nickname" enterkeyhint="go">
    <button class="go" value="join">Join the chat</button>
  </form>
</dialog>
</html>
`
