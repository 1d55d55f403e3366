/**
 * `node --import ./src/platform/typescript/register.mjs x.ts`: how servers, tools and tests run the sources, with the
 * types taken out and nothing put in. tsx would give every inner function its name back as a property (esbuild's
 * `keepNames`): half of what an idle player held in memory, and a cost of each request that makes closures.
 */
import { register } from 'node:module'

process.setSourceMapsEnabled(true)
register('./hooks.mjs', import.meta.url)
