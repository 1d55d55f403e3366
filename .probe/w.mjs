import net from 'node:net'
import { fork } from 'node:child_process'
if (process.argv[2] === 'child') {
  const socks=[]; let n=0
  process.on('message', m => { for (let i=0;i<m.count;i++){ const s=net.connect(m.port,'127.0.0.1'); s.on('data',()=>{}); s.on('connect',()=>{ if(++n===m.count) process.send('ok')}); socks.push(s)} })
} else {
  const N=2000, socks=[]
  const server=net.createServer(s=>{ s.setNoDelay(true); socks.push(s) }).listen(0,'127.0.0.1',()=>{
    const c=fork('.probe/w.mjs',['child']); c.send({port:server.address().port,count:N})
    c.on('message', async()=>{
      await new Promise(r=>setTimeout(r,500))
      const payload=Buffer.from('{"type":"hint","envelopeId":"01a220ef-990d-77fe-83ef-285ed7f84b6a","band":"hot","seq":12345}')
      const text=payload.toString('latin1')
      const head=Buffer.from([0x81,payload.length])
      const ways={
        corked2: s=>{s.cork(); s.write(head); s.write(payload); s.uncork()},
        corked4: s=>{s.cork(); for(let i=0;i<2;i++){s.write(head); s.write(payload)} s.uncork()},
        one: s=>{const b=Buffer.allocUnsafe(2+text.length); b[0]=0x81;b[1]=text.length; b.latin1Write(text,2); s.write(b)},
        ready: s=>{s.write(ready)},
        latin1: s=>{s.write('\x81\x7d'+text,'latin1')},
      }
      const ready=Buffer.concat([head,payload])
      for(let round=0;round<3;round++) for(const [k,f] of Object.entries(ways)){
        const R=8; let sum=0; const c0=process.cpuUsage()
        for(let r=0;r<R;r++){ const t=performance.now(); for(const s of socks) f(s); sum+=performance.now()-t; await new Promise(r=>setTimeout(r,60)) }
        const c1=process.cpuUsage(c0)
        console.log(k.padEnd(10),(1000*sum/R/N).toFixed(1),'µs sync each; cpu',(( c1.user+c1.system)/R/N).toFixed(1),'µs; sys',(c1.system/R/N).toFixed(1))
      }
      c.kill(); process.exit()
    })
  })
}
