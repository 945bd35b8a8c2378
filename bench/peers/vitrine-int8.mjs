// vitrine as a peer: this clone's build, in int8.
import { serveVitrine } from './serve-vitrine.mjs'

serveVitrine('int8')
