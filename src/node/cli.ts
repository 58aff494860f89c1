#!/usr/bin/env node
/**
 * The program `perdure`. What it can do is in `cli/commands.ts`.
 */
import { main } from './cli/commands.ts'

await main(process.argv)
