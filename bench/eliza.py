"""A simple ELIZA: the first matching rule, a random reply, pronouns swapped word by word.

Given a script of the pattern format, it uses the patterns and replies of that script.
"""

import random
import re
import sys
import tomllib

REFLECTIONS = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "am": "are",
    "i'm": "you are",
    "i've": "you have",
    "i'll": "you will",
    "i'd": "you would",
    "was": "were",
    "you": "I",
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
    "are": "am",
    "you're": "I am",
    "you've": "I have",
    "you'll": "I will",
    "us": "you",
    "our": "your",
    "we": "you",
}

RULES = [
    (r"(hello|hi|hey|good (?:morning|evening))\b.*",
     ["Hello. What brings you here?", "Hi. How has your day been?", "Good to see you. What is new?"]),
    (r"i need (.*)",
     ["What would {0} change for you?", "Do you really need {0}?", "How long have you needed {0}?"]),
    (r"i want (.*)",
     ["What if you never got {0}?", "Why {0}, of all things?", "Who else wants {0}?"]),
    (r"i would like (.*)",
     ["What keeps you from {0}?", "Would {0} make you content?"]),
    (r"i can(?:'t|not) (.*)",
     ["What makes it so hard to {0}?", "Have you tried to {0}?", "Who told you that you can't {0}?"]),
    (r"i don'?t know\b.*",
     ["Take a guess.", "What might a friend say?", "Is it that you would rather not know?"]),
    (r"i don'?t (.*)",
     ["Why don't you {0}?", "Do you wish that you did {0}?", "Since when don't you {0}?"]),
    (r"i feel (.*)",
     ["When do you feel {0}?", "Do you often feel {0}?", "What do you do when you feel {0}?"]),
    (r"i(?: often)? think (?:that |about )?(.*)",
     ["What leads you to {0}?", "Are you sure about {0}?", "Who else thinks of {0}?"]),
    (r"i remember (.*)",
     ["What comes back with {0}?", "Why does {0} come to mind now?"]),
    (r"i forgot (.*)",
     ["Why would {0} slip your mind?", "Is it good to forget {0}?"]),
    (r"i dream(?:ed|t)? (?:of |about )?(.*)",
     ["What does {0} mean to you?", "Does {0} come in many dreams?"]),
    (r"i had a dream\b(.*)",
     ["How did you feel when you woke up?", "Who else was in that dream?"]),
    (r"i(?:'m| am) (?:sorry|afraid that)\b.*",
     ["There is nothing to forgive.", "You need not apologise to me."]),
    (r"i(?:'m| am) (.*)",
     ["How long have you been {0}?", "Do you like being {0}?", "Why tell me that you are {0}?"]),
    (r"(?:yesterday )?i lost (.*)",
     ["What did {0} mean to you?", "Where might {0} be now?"]),
    (r"i(?:'ve| have) (.*)",
     ["What is it like to have {0}?", "Why have you {0}?"]),
    (r"i(?:'d| would| should) (.*)",
     ["What if you did not {0}?", "Who says that you would {0}?"]),
    (r"are you (.*)",
     ["Would it help you if I were {0}?", "Perhaps I am {0}. What then?", "Why ask whether I am {0}?"]),
    (r"can you (.*)",
     ["What if I could {0}?", "You would like me to {0}?"]),
    (r"could (?:you|we) (.*)",
     ["What would follow if we could {0}?", "Is that a wish?"]),
    (r"why are you (.*)",
     ["Do you find me {0}?", "What if I were not {0}?"]),
    (r"why can'?t i (.*)",
     ["Do you think you ought to {0}?", "What have you tried, to {0}?"]),
    (r"why (.*)",
     ["What do you think?", "Which answer would please you most?"]),
    (r"how (.*)",
     ["How would you answer that?", "What is it that you really want to know?"]),
    (r"what (.*)",
     ["Why do you ask?", "What does your heart say?", "Does that question keep you awake?"]),
    (r"who (.*)",
     ["Does it matter who?", "Whom do you have in mind?"]),
    (r"(?:do|does|did) you (.*)",
     ["We were talking about you.", "What if I did {0}?"]),
    (r"(?:is|was) it (.*)",
     ["Do you believe it is {0}?", "Who could tell whether it is {0}?"]),
    (r"(?:was|were) i (.*)",
     ["Do you think you were {0}?", "What if you were {0}?"]),
    (r".*\bmy (?:little |elder )?(mother|father|sister|brother|husband|wife|family|parents)\b(.*)",
     ["Tell me more about your {0}.", "How do you get on with your {0}?", "Your {0}?"]),
    (r".*\bmy (.*)",
     ["Your {0}?", "Why does your {0} matter to you?", "What else comes to mind with your {0}?"]),
    (r"you(?:'re| are) (.*)",
     ["What makes you think I am {0}?", "Does it please you that I am {0}?"]),
    (r"you (.*)",
     ["Let us speak of you rather than me.", "Why do you say that I {0}?"]),
    (r"because (.*)",
     ["Is that the whole reason?", "What else follows if {0}?"]),
    (r"it(?:'s| is| was) (.*)",
     ["What if it were not {0}?", "You sound certain that it is {0}."]),
    (r"(?:everybody|everyone|nobody) (.*)",
     ["Really all of them?", "Whom do you mean in particular?"]),
    (r"(?:they|we|he|she) (.*)",
     ["And how was that for you?", "Tell me more of that."]),
    (r"(?:yes|always|sure)\b.*",
     ["You sound certain.", "I see. Go on.", "Can you give me an example?"]),
    (r"no\b.*",
     ["Why not?", "You are rather negative today.", "Are you saying no to be rid of me?"]),
    (r"(?:maybe|perhaps)\b(.*)",
     ["You are not certain?", "What would settle it?"]),
    (r".*\b(?:friend|friends)\b.*",
     ["What is a friend to you?", "Have you many friends?"]),
    (r".*\b(?:computer|machine|program)\b.*",
     ["Do machines trouble you?", "Are you speaking of me?"]),
    (r"(.*)\?",
     ["Why do you ask that?", "What would you say yourself?", "Perhaps the answer lies with you."]),
    (r"(.*)",
     ["Please go on.", "How do you feel about that?", "I see.", "Let us change the subject. How is your family?"]),
]

RULES = [(re.compile(pattern, re.IGNORECASE), replies) for pattern, replies in RULES]


def rules_of(path):
    """The rules of a script, one per pattern; memory and learnt values are ignored."""
    with open(path, "rb") as file:
        script = tomllib.load(file)
    synonyms = {f"<{name}>": f"(?:{'|'.join(words)})" for name, words in script["synonyms"].items()}
    rules = []
    for rule in script["rule"]:
        replies = [re.sub(r"\{(\d)\}", lambda part: f"{{{int(part[1]) - 1}}}", reply)
                   for reply in rule["replies"] if not re.search(r"\{[a-z]", reply)]
        for pattern in rule.get("patterns", []) if replies else []:
            for name, words in synonyms.items():
                pattern = pattern.replace(name, words)
            rules.append((re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), replies))
    return rules + [(re.compile(""), [reply for reply in script["otherwise"] if "{" not in reply])]


search = re.Pattern.match


def reflect(text):
    words = text.lower().split()
    return " ".join(REFLECTIONS.get(word, word) for word in words)


def respond(line):
    for pattern, replies in RULES:
        match = search(pattern, line)
        if match:
            parts = [reflect((part or "").rstrip(".!?")) for part in match.groups()]
            return random.choice(replies).format(*parts)


def main():
    global RULES, search
    if sys.argv[1:]:
        RULES, search = rules_of(sys.argv[1]), re.Pattern.search
    print("Hello. How are you today?")
    for line in sys.stdin:
        line = line.strip()
        if line in ("quit", "bye"):
            break
        print(respond(line))
    print("Goodbye.")


if __name__ == "__main__":
    main()
