// The page at `/`: plain HTML, CSS and JavaScript, no build and no library.

export const page: string = String.raw`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bank · Sluice</title>
<link rel="icon" href="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='%230b6e5f'/><path d='M3 7h10M4 12V8m4 4V8m4 4V8M3 13h10M8 3l5 3H3z' stroke='white' fill='none' stroke-width='1.4'/></svg>">
<style>
  :root {
    color-scheme: light dark;
    --paper: light-dark(#f4f6f5, #101615); --card: light-dark(#ffffff, #18211f);
    --ink: light-dark(#14211e, #e6efec); --soft: light-dark(#56655f, #9db0aa);
    --line: light-dark(#dbe3e0, #2b3835); --brand: light-dark(#0b6e5f, #4fd1b5);
    --on-brand: light-dark(#ffffff, #06231d); --tint: light-dark(#e4f2ee, #17332d);
    --bad: light-dark(#b3261e, #ff9a92); --way: light-dark(#9a6300, #ffc86b);
  }
  * { box-sizing: border-box; }
  body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: var(--paper); color: var(--ink); }
  main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
  header { display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap; margin-bottom: 1.25rem; }
  h1 { font-size: 1.5rem; margin: 0; letter-spacing: -.01em; }
  header p { margin: 0; color: var(--soft); }
  h2 { font-size: 1rem; margin: 0 0 .75rem; }
  .card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.1rem 1.25rem; }
  .money { font-variant-numeric: tabular-nums; white-space: nowrap; }

  #audit { margin-bottom: 1.25rem; }
  #audit .top { display: flex; justify-content: space-between; align-items: center; gap: 1rem; flex-wrap: wrap; }
  #audit .top h2 { margin: 0; }
  #verdict { display: inline-flex; align-items: center; gap: .45rem; font-weight: 600; color: var(--brand); }
  #verdict::before { content: "✓"; display: grid; place-items: center; width: 1.4em; height: 1.4em; border-radius: 50%;
    background: var(--brand); color: var(--on-brand); font-size: .8em; }
  #verdict.bad { color: var(--bad); } #verdict.bad::before { content: "!"; background: var(--bad); }
  #verdict.idle { color: var(--soft); } #verdict.idle::before { content: "…"; background: var(--soft); }
  dl.sum { display: grid; grid-template-columns: 1fr auto 1fr auto 1fr; gap: .25rem 1rem; align-items: end; margin: .9rem 0 .8rem; }
  dl.sum div { min-width: 0; } dl.sum dt { color: var(--soft); font-size: .875rem; }
  dl.sum dd { margin: 0; font-size: clamp(1.15rem, 3.2vw, 1.7rem); font-weight: 600; letter-spacing: -.02em; }
  dl.sum .sign { font-size: 1.4rem; color: var(--soft); padding-bottom: .1rem; }
  #way dd { color: var(--way); }
  .bar { display: flex; height: .5rem; border-radius: 1rem; overflow: hidden; background: var(--line); }
  .bar i { display: block; background: var(--brand); width: 0; }
  .bar i + i { background: var(--way); }
  .note { margin: .6rem 0 0; color: var(--soft); font-size: .875rem; }

  .columns { display: grid; grid-template-columns: minmax(0, 3fr) minmax(17rem, 2fr); gap: 1.25rem; align-items: start; }
  .side { display: grid; gap: 1.25rem; }
  table { width: 100%; border-collapse: collapse; }
  th { text-align: left; font-weight: 500; color: var(--soft); font-size: .875rem; padding: 0 0 .35rem; }
  td { border-top: 1px solid var(--line); padding: .5rem 0; vertical-align: middle; }
  th:last-child, td:last-child { text-align: right; }
  td .share { display: block; height: 4px; border-radius: 4px; background: var(--tint); margin-top: .2rem; }
  td .share i { display: block; height: 100%; border-radius: 4px; background: var(--brand); transition: width .3s; }
  td small { color: var(--way); margin-left: .5rem; }
  button.link { all: unset; cursor: pointer; font-weight: 600; text-decoration: underline; text-decoration-color: transparent; text-underline-offset: 3px; }
  button.link:hover { text-decoration-color: currentColor; }
  .empty { text-align: center; padding: 2.5rem 1rem; color: var(--soft); }
  .empty p { margin: 0 0 1rem; }

  form { display: grid; gap: .7rem; }
  .pair { display: grid; grid-template-columns: 1fr 1fr; gap: .7rem; }
  label { display: grid; gap: .25rem; font-size: .875rem; color: var(--soft); }
  input, select { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 9px; padding: .5rem .65rem; min-width: 0; width: 100%; }
  button.go { font: inherit; font-weight: 600; color: var(--on-brand); background: var(--brand); border: 0; border-radius: 9px; padding: .6rem 1rem; cursor: pointer; }
  button.go:hover { filter: brightness(1.08); }
  button.go:disabled { opacity: .5; cursor: default; }
  button.quiet { color: var(--ink); background: var(--tint); }
  :is(button, input, select):focus-visible, button.link:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; border-radius: 9px; }
  output { display: block; min-height: 1.5em; font-size: .9rem; } output.bad { color: var(--bad); }

  dialog { border: 1px solid var(--line); border-radius: 14px; background: var(--card); color: var(--ink); width: min(34rem, 92vw); padding: 1.25rem; }
  dialog::backdrop { background: rgb(0 0 0 / .45); }
  dialog .top { display: flex; justify-content: space-between; align-items: center; margin-bottom: .75rem; }
  .in { color: var(--brand); } .out { color: var(--soft); }
  @media (max-width: 46rem) {
    .columns { grid-template-columns: minmax(0, 1fr); }
    dl.sum { grid-template-columns: 1fr auto; } dl.sum .sign { display: none; } dl.sum div { display: contents; } dl.sum dd { text-align: right; }
  }
  @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
</style>
<main>
  <header><h1>Bank</h1><p>Every account is a durable object. Kill the server whenever you like.</p></header>

  <section class="card" id="audit" aria-labelledby="audit-title">
    <div class="top"><h2 id="audit-title">Live audit</h2><span id="verdict" class="idle" role="status">Adding up</span></div>
    <dl class="sum">
      <div><dt>Paid in</dt><dd class="money" id="paid-in">–</dd></div><span class="sign" aria-hidden="true">=</span>
      <div><dt>In accounts</dt><dd class="money" id="in-accounts">–</dd></div><span class="sign" aria-hidden="true">+</span>
      <div id="way"><dt>On the way</dt><dd class="money" id="on-the-way">–</dd></div>
    </dl>
    <div class="bar" aria-hidden="true"><i id="bar-accounts"></i><i id="bar-way"></i></div>
    <p class="note" id="audit-note">The audit looks at all accounts at one instant, while payments go on.</p>
  </section>

  <div class="columns">
    <section class="card" aria-labelledby="accounts-title">
      <h2 id="accounts-title">Accounts</h2>
      <div id="accounts"><p class="empty">Loading…</p></div>
    </section>
    <div class="side">
      <section class="card" aria-labelledby="pay-title">
        <h2 id="pay-title">Make a payment</h2>
        <form id="pay">
          <div class="pair">
            <label>From <select name="from" required></select></label>
            <label>To <select name="to" required></select></label>
          </div>
          <label>Amount in € <input name="amount" type="number" min="0.01" step="0.01" value="25.00" inputmode="decimal" required></label>
          <button class="go">Pay</button>
          <output></output>
        </form>
      </section>
      <section class="card" aria-labelledby="storm-title">
        <h2 id="storm-title">Payment storm</h2>
        <form id="storm">
          <label>Random payments, a hundred at a time
            <select name="count"><option>100</option><option selected>500</option><option>2000</option></select></label>
          <button class="go">Fire</button>
          <output></output>
        </form>
      </section>
      <section class="card" aria-labelledby="open-title">
        <h2 id="open-title">Open an account</h2>
        <form id="open">
          <div class="pair">
            <label>Name <input name="name" required maxlength="32" autocomplete="off"></label>
            <label>Deposit in € <input name="deposit" type="number" min="0" step="0.01" value="1000.00" inputmode="decimal" required></label>
          </div>
          <button class="go quiet">Open</button>
          <output></output>
        </form>
      </section>
    </div>
  </div>

  <dialog id="statement" aria-labelledby="statement-title">
    <div class="top"><h2 id="statement-title" style="margin:0"></h2>
      <form method="dialog"><button class="go quiet">Close</button></form></div>
    <div id="movements"></div>
  </dialog>
</main>
<script type="module">
  const $ = (id) => document.getElementById(id)
  const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })
  const show = (cents) => euros.format(cents / 100)
  const cents = (text) => Math.round(Number(text) * 100)

  async function api(path, body) {
    const response = await fetch('/api' + path, body === undefined ? {} : {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const type = response.headers.get('content-type') ?? ''
    const answer = type.includes('json') ? await response.json() : { error: await response.text() }
    if (!response.ok) throw new Error(answer.error)
    return answer
  }

  function element(tag, text, className) {
    const made = document.createElement(tag)
    if (text !== undefined) made.textContent = text
    if (className !== undefined) made.className = className
    return made
  }

  let names = ''
  function showAccounts(accounts) {
    if (accounts.length === 0) {
      const empty = element('div', undefined, 'empty')
      const button = element('button', 'Open five sample accounts', 'go')
      button.onclick = async () => {
        button.disabled = true
        const samples = ['Ada', 'Edsger', 'Grace', 'Leslie', 'Barbara']
        await Promise.all(samples.map((name) => api('/accounts', { name, deposit: 100000 })))
        await refresh()
      }
      empty.append(element('p', 'Nobody has an account yet.'), button)
      if ($('accounts').querySelector('.empty button') === null) $('accounts').replaceChildren(empty)
      return
    }
    const most = Math.max(1, ...accounts.map((account) => account.balance))
    const list = accounts.map((account) => account.name).join('\n')
    if (list !== names) {
      names = list
      const table = element('table')
      table.innerHTML = '<thead><tr><th scope="col">Name</th><th scope="col">Balance</th></tr></thead><tbody></tbody>'
      for (const { name } of accounts) {
        const row = table.tBodies[0].insertRow()
        const button = element('button', name, 'link')
        button.title = 'Movements of ' + name
        button.onclick = () => showStatement(name)
        const share = element('span', undefined, 'share')
        share.append(element('i'))
        row.insertCell().append(button, element('small', ''), share)
        row.insertCell().className = 'money'
      }
      $('accounts').replaceChildren(table)
      for (const select of $('pay').querySelectorAll('select')) {
        const chosen = select.value
        select.replaceChildren(...accounts.map(({ name }) => new Option(name)))
        if (accounts.some(({ name }) => name === chosen)) select.value = chosen
        else if (select.name === 'to' && accounts.length > 1) select.selectedIndex = 1
      }
    }
    accounts.forEach((account, index) => {
      const row = $('accounts').querySelector('tbody').rows[index]
      row.cells[1].textContent = show(account.balance)
      row.querySelector('small').textContent = account.onTheWay > 0 ? show(account.onTheWay) + ' on the way' : ''
      row.querySelector('i').style.width = Math.max(0, (100 * account.balance) / most) + '%'
    })
  }

  function showAudit(audit) {
    $('paid-in').textContent = show(audit.paidIn)
    $('in-accounts').textContent = show(audit.inAccounts)
    $('on-the-way').textContent = show(audit.onTheWay)
    const all = Math.max(1, audit.paidIn)
    $('bar-accounts').style.width = (100 * audit.inAccounts) / all + '%'
    $('bar-way').style.width = (100 * audit.onTheWay) / all + '%'
    const verdict = audit.difference === 0 ? 'Adds up to the cent' : show(Math.abs(audit.difference)) + (audit.difference > 0 ? ' lost' : ' made')
    if ($('verdict').textContent !== verdict) $('verdict').textContent = verdict
    $('verdict').className = audit.difference === 0 ? '' : 'bad'
    $('audit-note').textContent = 'Audit ' + audit.number + ' looked at ' + audit.accounts + ' accounts at one instant and found ' +
      (audit.paymentsOnTheWay === 1 ? '1 payment' : audit.paymentsOnTheWay + ' payments') + ' on the way. Nothing waited for it.'
  }

  async function showStatement(name) {
    const { movements } = await api('/accounts/' + encodeURIComponent(name))
    const table = element('table')
    table.innerHTML = '<thead><tr><th scope="col">When</th><th scope="col">With</th><th scope="col">Amount</th></tr></thead><tbody></tbody>'
    for (const movement of movements) {
      const row = table.tBodies[0].insertRow()
      row.insertCell().textContent = new Date(movement.at).toLocaleTimeString()
      row.insertCell().textContent = movement.other
      const cell = row.insertCell()
      cell.textContent = (movement.amount > 0 ? '+' : '') + show(movement.amount)
      cell.className = 'money ' + (movement.amount > 0 ? 'in' : 'out')
    }
    $('statement-title').textContent = 'Latest movements of ' + name
    $('movements').replaceChildren(table)
    $('statement').showModal()
  }

  async function refresh() {
    const [accounts, audit] = await Promise.all([api('/accounts'), api('/audit')])
    showAccounts(accounts)
    showAudit(audit)
  }

  // One round after another while the page is visible, so that a slow server is not asked twice.
  async function follow() {
    for (;;) {
      try {
        if (document.visibilityState === 'visible') await refresh()
      } catch {
        // Any failure here is the server's absence, and the page says so until it is back.
        $('verdict').textContent = 'No answer, trying again'
        $('verdict').className = 'idle'
      }
      await new Promise((resolve) => {
        wake = resolve
        setTimeout(resolve, busy > 0 ? 100 : 1000)
      })
    }
  }

  let busy = 0
  let wake = () => {}
  function handle(id, action) {
    const form = $(id)
    form.onsubmit = async (event) => {
      event.preventDefault()
      const [button, output] = [form.querySelector('.go'), form.querySelector('output')]
      button.disabled = true
      busy += 1
      wake()
      output.className = ''
      output.textContent = 'Working…'
      try {
        output.textContent = await action(new FormData(form))
        await refresh()
      } catch (error) {
        output.className = 'bad'
        output.textContent = error.message
      } finally {
        busy -= 1
        button.disabled = false
      }
    }
  }

  // The id makes a payment that is asked for twice one payment, so a lost answer can be tried again.
  async function payOnce(payment) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await api('/payments', payment)
      } catch (error) {
        if (!(error instanceof TypeError) || attempt === 20) throw error
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  }

  handle('pay', async (form) => {
    const id = crypto.getRandomValues(new Uint32Array(4)).join('-')
    const payment = { id, from: form.get('from'), to: form.get('to'), amount: cents(form.get('amount')) }
    await payOnce(payment)
    return 'Paid ' + show(payment.amount) + ' to ' + payment.to + '.'
  })
  handle('storm', async (form) => {
    const { done, refused, ms } = await api('/storm', { count: Number(form.get('count')) })
    return done + ' payments in ' + ms + ' ms' + (refused > 0 ? ', ' + refused + ' refused for want of money.' : '.')
  })
  handle('open', async (form) => {
    await api('/accounts', { name: form.get('name').trim(), deposit: cents(form.get('deposit')) })
    $('open').elements.name.value = ''
    return 'Welcome, ' + form.get('name').trim() + '.'
  })
  void follow()
</script>
</html>
`
