/**
 * Coordinated checkpoints on a plain class (the reflective paper's first example, 5.1): three accounts, one of which loses its memory. It
 * goes back with those that hold money which it has not paid now; everything that came from others is given again, and nothing twice.
 *
 *     npx tsx examples/coordinated/main.ts
 */
import { coordinated } from 'perdure/checkpoint'
import { Account } from './account.ts'

const accounts = { anna: new Account(100), bert: new Account(100), cleo: new Account(100) }
const bank = coordinated(accounts)
const { anna, bert, cleo } = bank.members

function show(when: string): void {
  const sum = anna.balance + bert.balance + cleo.balance
  console.log(`${when}: anna ${anna.balance}, bert ${bert.balance}, cleo ${cleo.balance}, together ${sum}`)
}

anna.transfer(bert, 30)
await bank.settled()
console.log('bert saves, and with him who has paid him:', await bank.checkpoint('bert'))

anna.transfer(bert, 10)
cleo.transfer(bert, 5)
await bank.settled()
show('more payments')

accounts.anna.balance = Number.NaN
show('the memory of anna is damaged')

console.log('anna goes back, and with her who holds her later payment:', await bank.rollback('anna'))
await bank.settled()
show('what they were told since then they are told again')
