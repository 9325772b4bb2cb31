"""The questions of triage in a patient's words, with what a 'yes' says in plain and in clinical words.

The order is the order of asking: what may be an emergency first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    path: str
    """Place in a history file."""
    ask: str
    more: str
    """Said when help is asked for."""
    said: str
    """What a 'yes' says, as a sentence of the patient's."""
    clinical: str
    """The same in a clinician's words."""


CANCER = Question(
    "cancer.status",
    "Do you have cancer, or did you ever have it?",
    "Cancer of any part of the body counts, even if it was treated long ago. If a doctor thinks you may have it, "
    "that counts too.",
    "you have or had cancer",
    "known cancer",
)
BACK_PAIN = Question(
    "pain.present",
    "Does your back or neck hurt?",
    "Any pain along the spine counts, from the neck down to the tail bone.",
    "your back or neck hurts",
    "back or neck pain",
)

QUESTIONS = (
    Question(
        "neurology.bladder_or_bowel_control_lost",
        "Have you lost control of your bladder or bowels?",
        "Leaking counts. So does not being able to pass water, or not feeling when you go.",
        "control of bladder or bowels is lost or changed",
        "bladder or bowel dysfunction",
    ),
    Question(
        "neurology.saddle_anaesthesia",
        "Is the skin numb where you would touch a saddle?",
        "That is around the back passage, the sex organs and the inner thighs. You may notice it when you wipe.",
        "the saddle area is numb",
        "saddle anaesthesia",
    ),
    Question(
        "neurology.weakness_of_leg",
        "Is a leg or foot weak or heavy?",
        "Legs may give way, a foot may drag, or stairs may be hard to climb.",
        "a leg or foot is weak",
        "weakness of a leg",
    ),
    Question(
        "neurology.gait_disturbance",
        "Has walking become hard or unsteady?",
        "For example: you hold on to things, stumble, or need help that you did not need before.",
        "walking is hard or unsteady",
        "gait disturbance",
    ),
    Question(
        "neurology.weakness_of_arm",
        "Is an arm or hand weak?",
        "You may drop things, or find it hard to lift or to grip.",
        "an arm or hand is weak",
        "weakness of an arm",
    ),
    Question(
        "neurology.numbness",
        "Is any part of your chest, belly, arms or legs numb, or does it tingle?",
        "Numb means that you feel touch less than before. Pins and needles count too.",
        "a part of the body is numb or tingles",
        "numbness, paraesthesia or sensory loss",
    ),
    Question(
        "pain.radiating_to_leg",
        "Does pain shoot or spread down a leg?",
        "It may start in the back and run into the buttock, thigh, calf or foot.",
        "pain spreads down a leg",
        "pain radiating to a leg",
    ),
    Question(
        "pain.radiating_to_arm",
        "Does pain shoot or spread down an arm?",
        "It may start in the neck and run into the shoulder, arm or hand.",
        "pain spreads down an arm",
        "pain radiating to an arm",
    ),
    CANCER,
    Question(
        "pain.band_like",
        "Does pain run round your chest or belly like a band?",
        "It can feel like a tight belt. It may be on one side or on both.",
        "pain runs round chest or belly like a band",
        "band-like radicular pain of the trunk",
    ),
    BACK_PAIN,
    Question(
        "pain.sudden",
        "Did the back pain start all of a sudden?",
        "For example: from one moment to the next, or within a day.",
        "the back pain came suddenly",
        "sudden back pain",
    ),
    Question(
        "pain.much_worse",
        "Has the back pain become much worse?",
        "Think of the last few days and weeks.",
        "the back pain has become much worse",
        "progressive back pain",
    ),
    Question(
        "pain.unremitting",
        "Is the back pain very bad and never gone?",
        "It stays, even when you rest and take pain tablets.",
        "the back pain is very bad and never gone",
        "severe unremitting back pain",
    ),
    Question(
        "pain.nocturnal",
        "Does the back pain come at night or keep you awake?",
        "It counts if it wakes you, or if you can't fall asleep because of it.",
        "the back pain comes at night",
        "nocturnal back pain",
    ),
    Question(
        "pain.mechanical",
        "Does it hurt more when you stand, sit or move, or less when you lie down?",
        "For example: it hurts to get up, to turn in bed or to carry things.",
        "the back pain depends on standing, sitting or moving",
        "mechanical back pain",
    ),
    Question(
        "pain.straining",
        "Does it hurt more when you cough, sneeze or strain?",
        "Straining is what you do on the toilet or when you lift something heavy.",
        "coughing, sneezing or straining makes the back pain worse",
        "back pain aggravated by straining",
    ),
    Question(
        "pain.tender",
        "Is there one sore spot on your spine?",
        "It hurts when someone presses or taps on it.",
        "one spot of the spine is sore to touch",
        "localised spinal tenderness",
    ),
    Question(
        "pain.claudication",
        "Do your legs hurt or tire when you walk, and ease when you sit?",
        "You may have to stop after a while and sit down or bend forward.",
        "the legs hurt on walking and ease on sitting",
        "claudication",
    ),
)
BY_PATH = {question.path: question for question in QUESTIONS}

SIGNS = {
    "examination.upper_motor_neurone_signs": (
        "the examination found signs of the spinal cord",
        "upper motor neurone signs",
    ),
    "examination.voluntary_anal_contraction": (
        "the anus can't be tightened at will",
        "no voluntary anal contraction",
    ),
}
"""Findings only an examination gives, in plain and in clinical words."""
