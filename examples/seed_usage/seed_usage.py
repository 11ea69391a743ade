"""How task groups are used from code, in Python.

    python3 seed_usage.py CONFIG [--simulate]
"""
import asyncio
import sys

from echelon import ConfigManager, LLMError, LlmFactory


async def main(path: str, simulate: bool) -> None:
    config_manager = ConfigManager(path, simulate=simulate)
    llm_factory = LlmFactory(config_manager)
    prompt = "Plan a trip to the sea."

    # The configuration of a task group.
    task_group_config = config_manager.get_task_group_config("plan_group", "echelon1")
    print(f"{task_group_config.group}.{task_group_config.tier} has "
          f"{len(task_group_config.models)} models")

    # A client of a task group.
    llm_client = llm_factory.create_client_from_group("plan_group.echelon1")

    # A node of a workflow, configured in code.
    node_config = {
        "type": "llm",
        "llm_group": "thinking_group.echelon1",
        "fallback_groups": ["thinking_group.echelon2"],
        "task_config": {
            "timeout": 120,
            "thinking_config": {"enabled": True}
        }
    }
    answer = await llm_factory.create_client(node_config).call(prompt)
    print(f"node: {answer.route}")

    # Falling back.
    try:
        result = await llm_client.call_with_group("plan_group.echelon1", prompt)
    except LLMError:
        result = await llm_client.call_with_fallback_groups(
            ["plan_group.echelon2", "fast_group.echelon1"],
            prompt
        )
    print(f"{result.route}: {result}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: seed_usage.py CONFIG [--simulate]")
    asyncio.run(main(sys.argv[1], "--simulate" in sys.argv[2:]))
