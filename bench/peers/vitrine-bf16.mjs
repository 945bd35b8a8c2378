// vitrine as a peer: this clone's build, in bf16.
import { serveVitrine } from './serve-vitrine.mjs'

serveVitrine('bf16')
