import { WebSocket } from 'ws'
import fs from 'node:fs'
const [port,out]=process.argv.slice(2)
const [t]=await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()
const ws=new WebSocket(t.webSocketDebuggerUrl,{maxPayload:1e9}); await new Promise(r=>ws.on('open',r))
const fd=fs.openSync(out,'w')
await new Promise(r=>{ ws.on('message',d=>{const m=JSON.parse(d); if(m.method==='HeapProfiler.addHeapSnapshotChunk') fs.writeSync(fd,m.params.chunk); if(m.id===1) r()}); ws.send(JSON.stringify({id:1,method:'HeapProfiler.takeHeapSnapshot',params:{reportProgress:false}}))})
ws.close(); fs.closeSync(fd)
