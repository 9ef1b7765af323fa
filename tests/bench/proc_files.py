"""What /proc says about a process: CPU time, memory, switches, sockets; and what the host stole."""
import os


def cpu_ns(pid):
    """CPU time of all threads; nanoseconds from schedstat, else the 10 ms ticks of stat."""
    try:
        t = 0
        for tid in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as f:
                t += int(f.read().split()[0])
        return t
    except (OSError, IndexError, ValueError):
        try:
            with open("/proc/%d/stat" % pid) as f:
                p = f.read().rsplit(")", 1)[1].split()
            return (int(p[11]) + int(p[12])) * 10**9 // os.sysconf("SC_CLK_TCK")
        except OSError:
            return 0


def status_kb(pid, field):
    try:
        with open("/proc/%d/status" % pid) as f:
            for l in f:
                if l.startswith(field + ":"):
                    return int(l.split()[1])
    except OSError:
        pass
    return 0


def rss_kb(pid):
    return status_kb(pid, "VmRSS")


def rollup_kb(pid):
    d = {}
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            for l in f:
                p = l.split()
                if len(p) == 3 and p[2] == "kB":
                    d[p[0].rstrip(":")] = int(p[1])
    except OSError:
        pass
    return d


def pss_kb(pid):
    return rollup_kb(pid).get("Pss", 0)


class Steal:
    """with Steal() as s: ...   then s.pct: stolen time as percent of the time the cores wanted to run"""

    def __enter__(self):
        with open("/proc/stat") as f:
            self.v = [int(x) for x in f.readline().split()[1:9]]
        return self

    def __exit__(self, *a):
        with open("/proc/stat") as f:
            v = [int(x) - y for x, y in zip(f.readline().split()[1:9], self.v)]
        busy = sum(v) - v[3] - v[4]
        self.pct = 100.0 * v[7] / busy if busy else 0.0


def children(pid):
    out = []
    try:
        for tid in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, tid)) as f:
                out += [int(x) for x in f.read().split()]
    except OSError:
        pass
    return out


def ctxt(pid):
    return status_kb(pid, "voluntary_ctxt_switches") + status_kb(pid, "nonvoluntary_ctxt_switches")


def nfds(pid):
    try:
        n = 0
        for f in os.listdir("/proc/%d/fd" % pid):
            if os.readlink("/proc/%d/fd/%s" % (pid, f)).startswith("socket:"):
                n += 1
        return n
    except OSError:
        return 0


def realtime():
    """Ask for a real-time class for a probe so that it measures the server, not its own queueing."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        return True
    except OSError:
        try:
            os.nice(-10)
        except OSError:
            pass
        return False
