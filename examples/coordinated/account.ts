/**
 * An account that transfers to others.
 *
 * Boundary: an ordinary class. Nothing here knows of checkpoints, messages or rollback.
 */

/** Where money can go to. */
export interface Payee {
  deposit(amount: number): void
}

export class Account {
  balance: number

  constructor(balance: number) {
    this.balance = balance
  }

  deposit(amount: number): void {
    this.balance += amount
  }

  transfer(to: Payee, amount: number): void {
    this.balance -= amount
    to.deposit(amount)
  }
}
