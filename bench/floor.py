"""The bare loop that everything is compared with: one model call a message, nothing else."""

from __future__ import annotations

import os

from openai import AsyncOpenAI
from telegram import Update
from telegram.ext import ApplicationBuilder, ContextTypes, MessageHandler, filters

model = AsyncOpenAI(base_url=os.environ["MODEL_BASE_URL"], api_key="x")
history: list[dict[str, str]] = []


async def answer(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    assert update.message is not None
    history.append({"role": "user", "content": update.message.text or ""})
    messages = [{"role": "system", "content": "You are a helpful assistant."}, *history[-20:]]
    reply = await model.chat.completions.create(model="scripted", messages=messages)  # type: ignore[arg-type]
    text = reply.choices[0].message.content or ""
    history.append({"role": "assistant", "content": text})
    await update.message.reply_text(text)


def main() -> None:
    app = (
        ApplicationBuilder()
        .token(os.environ["TELEGRAM_BOT_TOKEN"])
        .base_url(os.environ["TELEGRAM_API_URL"] + "/bot")
        .build()
    )
    app.add_handler(MessageHandler(filters.TEXT, answer))
    app.run_polling()


if __name__ == "__main__":
    main()
