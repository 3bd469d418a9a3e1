"""What the rules brain has to say: its stories, jokes and turns of phrase."""

from __future__ import annotations

from typing import Final

GREETINGS: Final = (
    "Hello{name}! It's good to hear from you. What's on your mind?",
    "Hi{name}! I was hoping somebody would stop by. How is your day going?",
    "Hey{name}, welcome! What shall we talk about?",
    "Good to see you{name}. Tell me something about your day.",
)
GOODBYES: Final = (
    "Goodbye{name}! Come back whenever you like.",
    "See you soon{name}. I'll remember where we left off.",
    "Take care{name}. It was lovely talking with you.",
)
THANKS: Final = (
    "You're very welcome{name}.",
    "Any time{name}. That's what I'm here for.",
    "My pleasure{name}!",
)
HOW_ARE_YOU: Final = (
    "I'm doing well, thank you for asking. How about you?",
    "Quite cheerful today. And you{name}, how are you?",
    "All is calm here, which is how I like it. How are you feeling?",
)
WHO_ARE_YOU: Final = (
    "I'm {me}, and I live in this little gateway on your machine. No network needed.",
    "My name is {me}. I keep you company and remember what you tell me.",
)
HELP: Final = (
    "We can simply chat. Tell me your name or what you like and I'll remember it; ask me for a "
    "story or a joke; or ask what I know about you.",
)
BLANK: Final = (
    "I'm here. Take your time.",
    "I'm listening whenever you're ready.",
)
YES: Final = (
    "Good! Tell me more.",
    "I thought so. What makes you say yes?",
    "Lovely. And then?",
)
NO: Final = (
    "Fair enough. What would you rather talk about?",
    "No it is, then. Is there something else on your mind?",
    "That's all right. I'm easy to please.",
)
SAD: Final = (
    "I'm sorry you're feeling {mood}{name}. Do you want to tell me what happened?",
    "That sounds hard. When you're {mood}, is there something that usually helps?",
    "Thank you for telling me. I'm here as long as you like{name}.",
)
GLAD: Final = (
    "I'm glad you're feeling {mood}{name}! What brought that on?",
    "That's wonderful to hear. Being {mood} suits you.",
)
UNKNOWN_NAME: Final = (
    "You haven't told me your name yet. What should I call you?",
    "I don't know your name yet, but I'd like to. What is it?",
)
UNKNOWN_FACT: Final = (
    "I don't think you've told me that yet. I'd be glad to know.",
    "I don't know that about you yet. Tell me and I'll remember it.",
)
NOTHING_KNOWN: Final = (
    "Not much so far: you haven't told me anything about yourself yet. Where shall we start?",
    "Nothing yet, and I'm curious. What's your name, for a beginning?",
)
FORGOTTEN: Final = (
    "All right, I've forgotten everything you told me. A fresh start!",
    "Done. It's as if we had just met.",
)
NICE_TO_MEET: Final = (
    "Nice to meet you, {value}! I'll remember your name.",
    "{value}, what a lovely name. It's good to meet you.",
    "Hello {value}! I won't forget it.",
)
NOTED: Final = (
    "I'll remember that. {fact}",
    "Good to know. {fact} I've made a note of it.",
    "Thank you for telling me{name}. {fact}",
)
ASKED: Final = (
    "That's a question I'd like to think about. What made you ask?",
    "I honestly don't know{name}. What would your own guess be?",
    "Hmm. I only know what people tell me, and nobody has told me that yet. What do you think?",
    "You do ask good ones{name}. Tell me what you already know about it.",
)
REFLECT: Final = (
    "So {said}. What's that like for you?",
    "I see: {said}. Tell me a little more about it.",
    "Let me make sure I understand you{name}: {said}?",
    "That's interesting. When you tell me that {said}, what matters most to you?",
)
FOLLOW: Final = (
    "I hear you{name}. How did that come about?",
    "Go on{name}, I'm listening.",
    "What happened then?",
    "And how do you feel about it{name}?",
)
RECALLING: Final = (
    "That reminds me of something you told me: {fact} Is there a connection?",
    "I was just thinking of something you said. {fact} Does that still hold?",
)
JOKES: Final = (
    "I told the river a secret. By evening it was all over the estuary.",
    "Why did the packet cross the network? Somebody had acknowledged the other side.",
    "I asked the tide for a favour. It said it would come in later.",
    "My clock and I broke up. It kept going on about the same twelve things.",
    "Why do lighthouses make poor gossips? They know one thing only, and they keep turning away.",
    "I wanted to tell a joke about a queue, but you'd have to wait for it.",
)
STORIES: Final = (
    "Once there was a lighthouse keeper who was afraid of the dark. Every evening she lit the "
    "great lamp earlier than she had to, and every morning she put it out a little late. The "
    "fishermen laughed about it, but they liked her, because her light was always there when "
    "they looked up. One winter the lamp went out in the middle of a storm, and the keeper "
    "had to climb the stairs in a darkness so thick that she could not see her own hands. She "
    "counted the steps aloud, all two hundred and nine of them, and on the last one she "
    "noticed that she was no longer afraid. She lit the lamp, and far out on the water a "
    "small boat turned towards home. After that she sometimes sat in the dark on purpose, "
    "just to listen to the sea, and the fishermen stopped laughing and began to bring her "
    "their finest fish.",
    "There was a river that could not decide where to go. It ran north until it met a hill, "
    "and the hill said that north was for birds. It ran east until it met a town, and the "
    "town said that east was for roads. So it lay down in a meadow and became a pond, and for "
    "a whole summer it did nothing but hold up the sky. The frogs moved in, and then the "
    "herons, and then two children with a boat made of a wooden crate. In autumn the rain "
    "came and the pond grew restless. It spilled over a stone, slipped between the roots of a "
    "willow and found a valley that nobody had told it about. At the end of the valley was "
    "the sea. The river has never said which direction that was, but if you ask the frogs, "
    "they say it was simply forward.",
    "A clockmaker once built a clock that told the wrong time on purpose. When you were in a "
    "hurry it ran slow, and when you were bored it ran fast, and people came from three "
    "villages to complain about it. The clockmaker listened to all of them, offered them tea "
    "and asked how their day had been. By the time they had finished telling him, they had "
    "usually forgotten why they came. One day an old woman walked in who did not complain at "
    "all. She looked at the clock for a long while and said that it was the only honest one "
    "she had ever met, since no two hours of her life had been equally long. The clockmaker "
    "gave it to her as a present. It hangs in her kitchen now, and her neighbours say that "
    "the soup is always ready exactly when somebody knocks at her door.",
)
