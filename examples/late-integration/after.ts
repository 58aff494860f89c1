/** Two players and a ball, over an EventEmitter. There is a bug at ball 12: where nothing recovers from it, it is the end of the game. */
import { EventEmitter } from 'node:events'
import { open } from 'perdure'
import { attachedGroup, emitterTransport, fromOutside } from 'perdure/checkpoint'

const LIMIT = 30
const bus = new EventEmitter()
const game = await attachedGroup(await open('memory:'), 'game')
let bugs = 1

class Player {
  hits: number[] = []
  readonly #send: (to: string, ball: number) => unknown

  constructor(send: (to: string, ball: number) => unknown) {
    this.#send = send
  }

  receive(ball: number, from: string): unknown {
    this.hits.push(ball)
    if (ball === 12 && bugs-- > 0) throw new Error('the ball is dropped')
    if (ball >= LIMIT - 1) console.log(...this.hits)
    return ball < LIMIT ? this.#send(from, ball + 1) : undefined
  }
}

for (const name of ['ping', 'pong']) {
  const transport = emitterTransport(bus, name)
  await game.attach(transport, name, ({ send }) => new Player(send))
}
bus.emit('ping', fromOutside('pong', 1))
