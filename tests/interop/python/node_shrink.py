"""The shortest run that still shows a difference: requests are left out as long as it stays."""
import time

from node_pair import Difference
from wire import Closed


def kind_of_place(difference):
    """What a difference is about, without the words of the request."""
    return difference.where.split(":", maxsplit=1)[0].split(" of ", maxsplit=1)[0]


def first_difference(pair, steps):
    """What differs when these are run on empty data; the data sets are compared behind the last."""
    try:
        pair.reset()
        at = 0
        while at < len(steps):
            end = at + 1
            while end < len(steps) and steps[end].connection == steps[at].connection and not steps[end - 1].settle:
                end += 1
            pair.run(steps[at:end])
            at = end
        pair.check_digest(steps[-1] if steps else None)
        pair.check_keys(steps[-1] if steps else None)
    except Difference as found:
        return found
    except (Closed, OSError):
        return None
    return None


def about_the_same_keys(steps, step):
    keys = {word for word in step.words[1:] if len(word) < 20}
    return [each for each in steps if each is step or keys & set(each.words[1:]) or
            each.words[0].upper() in (b"MULTI", b"EXEC", b"DISCARD", b"SELECT", b"SWAPDB", b"FLUSHALL", b"FLUSHDB", b"CONFIG")]


def shrink(pair, steps, difference, seconds=30):
    """The steps that are left, and the difference that they show; None when it does not show again."""
    end = time.monotonic() + seconds
    wanted = kind_of_place(difference)

    def shows(candidate):
        found = first_difference(pair, candidate)
        return found if found is not None and kind_of_place(found) == wanted else None

    found = None
    last = difference.step
    if last is not None:
        until = next((i for i, each in enumerate(steps) if each is last), len(steps) - 1)
        few = about_the_same_keys(steps[:until + 1], last)
        found = shows(few)
        if found:
            steps = few
    if not found:
        found = shows(steps)
        if not found:
            return None
    size = max(1, len(steps) // 2)
    while time.monotonic() < end:
        at, smaller = 0, False
        while at < len(steps) and time.monotonic() < end:
            candidate = steps[:at] + steps[at + size:]
            again = shows(candidate) if candidate else None
            if again:
                steps, found, smaller = candidate, again, True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(1, size // 2)
    return steps, found
