"""Waiting until a cluster is as it should be."""
import time

from processes import now
from resp import Conn, RespError, pairs

NAME = "mymaster"


def info(port):
    try:
        c = Conn(port, 0.5)
        try:
            return c.info("replication")
        finally:
            c.close()
    except (OSError, EOFError, RespError):
        return {}


def wait_until(f, timeout, dt=0.02):
    end = now() + timeout
    while now() < end:
        if f():
            return True
        time.sleep(dt)
    return False


def replicas_ok(nodes, mport):
    """all of nodes replicate from mport, up, and have reached the master's present offset"""
    m = info(mport)
    if m.get("role") != "master":
        return False
    off = int(m["master_repl_offset"])
    for n in nodes:
        r = info(n.port)
        if (r.get("role") != "slave" or int(r.get("master_port", 0)) != mport or
                r.get("master_link_status") != "up" or int(r.get("slave_repl_offset", -1)) < off):
            return False
    return True


def sentinels_ok(sents, nrep):
    for s in sents:
        c = s.conn()
        try:
            m = pairs(c.cmd("SENTINEL", "MASTER", NAME))
            if (m["flags"] != "master" or int(m["num-slaves"]) != nrep or
                    int(m["num-other-sentinels"]) != len(sents) - 1):
                return False
            for r in c.cmd("SENTINEL", "REPLICAS", NAME):
                r = pairs(r)
                if r["flags"] != "slave" or r["master-link-status"] != "ok":
                    return False
            for r in c.cmd("SENTINEL", "SENTINELS", NAME):
                if pairs(r)["flags"] != "sentinel":
                    return False
        except (RespError, KeyError):
            return False
        finally:
            c.close()
    return True
