"""Tests of infra/kafka/acls on a recorded plan. `topics-plan.json` is the output of `gauntlet --profile cluster topics
plan --json`; record it again when topics or processors change."""

import importlib.machinery
import importlib.util
import json
import pathlib
import shlex
import unittest

HERE = pathlib.Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("acls", str(HERE.parent / "kafka" / "acls"))
acls = importlib.util.module_from_spec(importlib.util.spec_from_loader("acls", LOADER))
LOADER.exec_module(acls)

RECORDED = (HERE / "topics-plan.json").read_text(encoding="utf-8")
SMALL = json.dumps({"topics": [], "access": {"trainer": {
    "read": ["training.requests.v1"],
    "write": ["trial.results.v1", "training.requests.v1.dlq", "processor.state.v1"],
    "group": "trainer", "transactional_id_prefix": "trainer."}}})


def rights(text, *arguments):
    """The rights that the printed commands give: user, operation, kind, name, is by prefix."""
    found = set()
    for line in acls.main(list(arguments), text).splitlines():
        if not line or line.startswith("#"):
            continue
        words = shlex.split(line)
        assert words[0] == "kafka-acls.sh" and "--add" in words, line
        pairs = list(zip(words, words[1:]))
        user = next(value for word, value in pairs if word == "--allow-principal")
        by_prefix = ("--resource-pattern-type", "prefixed") in pairs
        for operation in (value for word, value in pairs if word == "--operation"):
            for kind in ("topic", "group", "transactional-id"):
                found |= {(user, operation, kind, value, by_prefix) for word, value in pairs if word == f"--{kind}"}
    return found


class Acls(unittest.TestCase):
    """What the commands allow, and what they must not."""

    def test_a_processor_gets_exactly_this(self):
        user, p = "User:trainer", "lab."
        self.assertEqual(rights(SMALL, "--prefix", p), {
            (user, "Describe", "topic", p, True),
            (user, "DescribeConfigs", "topic", p, True),
            (user, "Read", "topic", p + "training.requests.v1", False),
            (user, "Read", "topic", p + "trial.results.v1", False),
            (user, "Read", "topic", p + "processor.state.v1", False),
            (user, "Write", "topic", p + "trial.results.v1", False),
            (user, "Write", "topic", p + "training.requests.v1.dlq", False),
            (user, "Write", "topic", p + "processor.state.v1", False),
            (user, "Read", "group", p + "trainer", False),
            (user, "Read", "group", p + "readers", False),
            (user, "Write", "transactional-id", p + "trainer.", True),
            (user, "Describe", "transactional-id", p + "trainer.", True),
        })

    def test_every_right_is_within_the_prefix(self):
        for user, operation, kind, name, by_prefix in rights(
                RECORDED, "--setup", "s", "--operator", "o", "--scaler", "k"):
            self.assertTrue(name.startswith("gauntlet."), (user, operation, kind, name))
            self.assertFalse(by_prefix and name == "gauntlet." and operation in ("Write", "Alter", "Delete", "All"))
            self.assertFalse(by_prefix and kind == "group", "one group's right must not be another's")
            self.assertNotIn(operation, ("All", "Alter", "Delete", "ClusterAction"))

    def test_a_topic_has_one_writing_user(self):
        shared = {"gauntlet.processor.state.v1"}
        writers = {}
        for user, operation, kind, name, _ in rights(RECORDED, "--operator", "operator"):
            if operation == "Write" and kind == "topic" and not name.endswith(".dlq") and name not in shared:
                writers.setdefault(name, set()).add(user)
        self.assertGreaterEqual(len(writers), 15)
        self.assertEqual({name: users for name, users in writers.items() if len(users) > 1}, {})
        self.assertEqual(writers["gauntlet.market.ticks.v1"], {"User:operator"})

    def test_users_run_what_they_are_given(self):
        access = json.loads(RECORDED)["access"]
        workers = ["trainer", "evaluator", "sensitivity", "risk-figures", "challenges"]
        core = ",".join(sorted(set(access) - set(workers)))
        found = rights(RECORDED, "--user", f"core={core}", "--user", f"workers={','.join(workers)}")
        groups = {name for user, _, kind, name, _ in found if user == "User:workers" and kind == "group"}
        self.assertEqual(groups, {f"gauntlet.{name}" for name in workers} | {"gauntlet.readers"})

    def test_the_scaler_only_describes(self):
        mine = {right for right in rights(RECORDED, "--scaler", "k") if right[0] == "User:k"}
        self.assertEqual({operation for _, operation, _, _, _ in mine}, {"Describe"})
        self.assertEqual(len(mine), 6)

    def test_a_trainer_outside_reads_requests_and_writes_answers(self):
        user, p = "User:quants", "gauntlet."
        found = {right for right in rights(RECORDED, "--trainer", "quants=sklearn") if right[0] == user}
        topic = lambda operation, name: (user, operation, "topic", p + name, False)
        self.assertEqual(found, {
            topic("Read", "training.requests.v1"), topic("Describe", "training.requests.v1"),
            topic("Read", "evaluation.requests.v1"), topic("Describe", "evaluation.requests.v1"),
            topic("Write", "trial.results.v1"), topic("Describe", "trial.results.v1"),
            topic("Write", "evaluation.outcomes.v1"), topic("Describe", "evaluation.outcomes.v1"),
            topic("Write", "results.series.v1"), topic("Describe", "results.series.v1"),
            (user, "Read", "group", p + "trainer.sklearn", False),
            (user, "Write", "transactional-id", p + "trainer.sklearn.", True),
            (user, "Describe", "transactional-id", p + "trainer.sklearn.", True),
        })

    def test_names_are_quoted(self):
        text = acls.main(["--bootstrap", "a;b", "--user", "a b;c=trainer"], SMALL)
        self.assertIn("--bootstrap-server 'a;b'", text)
        self.assertIn("--allow-principal 'User:a b;c'", text)

    def test_what_is_wrong_is_said(self):
        for arguments, text, said in [
            ([], "no json", "is no JSON"),
            ([], "[]", "no .access"),
            ([], '{"access": {"trainer": {"read": []}}}', "different versions"),
            ([], SMALL.replace('"group": "trainer"', '"group": ""'), "is empty"),
            (["--prefix", ""], SMALL, "rights on every topic"),
            (["--trainer", "a=B.c"], RECORDED, "USER=NAME"),
            (["--trainer", "a=b"], SMALL, "no .external_trainer"),
            (["--user", "a=tuner"], SMALL, "there is no processor tuner"),
            (["--user", "a"], SMALL, "NAME=PROCESSOR"),
            (["--user", "core=tuner"], RECORDED, "nobody runs archiver, challenges, evaluator"),
            (["--prefix", "other.", "--operator", "o"], RECORDED, "is --prefix right?"),
        ]:
            with self.subTest(said), self.assertRaisesRegex(acls.Refused, said):
                acls.main(arguments, text)


if __name__ == "__main__":
    unittest.main()
