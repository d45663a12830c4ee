"""What went in against what came out: the only judge of "nothing lost"."""

import json
from collections import Counter


class Ledger:
    def __init__(self, count: int, keys: int = 7):
        self.sent = [{"seq": i, "key": f"k{i % keys}", "of": i // keys} for i in range(count)]

    def bodies(self):
        return [json.dumps(entry) for entry in self.sent]

    def judge(self, bodies, dead=()):
        """Returns lost, duplicates, phantoms (never sent, or altered), and keys whose first occurrences are out of order."""
        sent = {entry["seq"]: entry for entry in self.sent}
        seen = Counter()
        phantoms = 0
        first_of = {}
        disordered = set()
        for body in bodies:
            entry = json.loads(body)  # a handler may write the same JSON with other spaces
            if sent.get(entry["seq"]) != entry:
                phantoms += 1
                continue
            if seen[entry["seq"]] == 0:
                if entry["of"] < first_of.get(entry["key"], -1):
                    disordered.add(entry["key"])
                first_of[entry["key"]] = max(entry["of"], first_of.get(entry["key"], -1))
            seen[entry["seq"]] += 1
        for body in dead:
            seen[json.loads(body)["seq"]] += 1
        lost = sorted(set(sent) - set(seen))
        return {"lost": lost, "duplicates": sum(seen.values()) - len(seen), "phantoms": phantoms, "disordered": sorted(disordered)}
