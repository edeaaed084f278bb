from aga_lightning.augment.base import Request
from aga_lightning.augment.engine.runner import Runner
from aga_lightning.augment.engine.step import Step
from aga_lightning.augment.engine.store import Store


class Looked(Step):
    """Counts how often it is asked."""

    def __init__(self, *inputs, of_record=False):
        self.of_record = of_record
        super().__init__(*inputs)
        self.asked = 0

    def plan(self, request, digest):
        self.asked += 1
        return digest(request.record.path)

    def make(self, plans, *inputs):
        self.asked += 1
        return list(plans)


def test_what_all_variants_of_an_image_share_is_worked_out_once(tmp_path, disc_records):
    record = disc_records[0]
    for of_record, times in ((True, 2), (False, 6)):
        step, runner = Looked(of_record=of_record), Runner(Store(tmp_path))
        for variant in range(3):
            assert runner.value(step, Request(record, variant)) == runner.digest(record.path)
        assert step.asked == times, "a plan and a value each"
    assert not Looked(Looked(), of_record=True).of_record, "its input is another one for each variant"


def test_a_walk_forgets_when_it_is_told_to_and_takes_what_is_assumed(tmp_path, disc_records):
    request = Request(disc_records[0], 0)
    step, runner = Looked(), Runner(Store(tmp_path))
    runner.assume(step, request, "another")
    assert runner.value(step, request) == "another" and step.asked == 0
    runner.forget()
    assert runner.value(step, request) != "another"
    assert runner.fresh().cache is runner.cache


def test_steps_come_after_their_inputs_and_once(tmp_path):
    first = Looked()
    left, right = Looked(first), Looked(first)
    goal = Looked(left, right)
    assert Runner.ordered(goal) == [first, left, right, goal]
    runner = Runner(Store(tmp_path))
    assert runner.leads(goal, first) and runner.leads(goal, goal) and not runner.leads(left, right)
